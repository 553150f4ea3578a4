/** Generate, fix, document, test, explain, review: what the cursor is in, or what is selected. */
import * as vscode from 'vscode';
import { ExecuteCommandRequest, type LanguageClient, type Location, ProgressType } from 'vscode-languageclient/node';
import { type Answers, type Conversation, SCHEME } from './answers';

export const ACTIONS = ['generate', 'fix', 'document', 'test', 'explain', 'review'] as const;
export type Action = (typeof ACTIONS)[number];

const DOING: Record<Action, string> = {
  generate: 'is writing',
  fix: 'is fixing',
  document: 'is documenting',
  test: 'is writing tests',
  explain: 'is explaining',
  review: 'is reviewing',
};
/** Those whose words are worth reading as they come; the others show a report when they are asked to. */
const READ: ReadonlySet<Action> = new Set(['generate', 'explain', 'review']);

/** Result of the server's commands `sidesight.generate`, `sidesight.fix` and so on. */
interface Outcome {
  message: string;
  passed: boolean;
  applied: boolean;
  diff: string;
  checks: { name: string; status: 'passed' | 'failed' | 'could_not_run'; detail: string }[];
  text: string;
  locations: Location[];
}

export async function act(client: LanguageClient, answers: Answers, action: Action): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.uri.scheme === SCHEME) {
    void vscode.window.showInformationMessage('Sidesight: open a file first.');
    return;
  }
  const instruction = action === 'generate' ? await wish() : '';
  if (instruction === undefined) {
    return;
  }
  const preview = READ.has(action) ? await open(answers, `${title(action)} ${nameOf(editor)}`) : undefined;
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: `Sidesight ${DOING[action]}`, cancellable: true },
    async (progress, cancelled) => {
      const argument = about(client, editor, action, instruction);
      try {
        const outcome = await send(client, action, argument, progress, preview, cancelled);
        await show(client, answers, editor, action, outcome, preview);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        preview?.end(cancelled.isCancellationRequested ? '*Stopped.*' : `*${reason}*`);
        if (!cancelled.isCancellationRequested) {
          void vscode.window.showErrorMessage(`Sidesight: ${reason}`);
        }
      }
    },
  );
}

/** An empty wish means the comment above the cursor; `undefined`: the user changed their mind. */
async function wish(): Promise<string | undefined> {
  return vscode.window.showInputBox({
    title: 'Sidesight: generate',
    prompt: 'What to write; leave it empty to write what the comment above the cursor says',
  });
}

function about(client: LanguageClient, editor: vscode.TextEditor, action: Action, instruction: string): object {
  const { document, selection } = editor;
  const found = action === 'fix' ? vscode.languages.getDiagnostics(document.uri) : [];
  const here = found.filter((diagnostic) => diagnostic.range.intersection(selection));
  return {
    textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(document),
    range: client.code2ProtocolConverter.asRange(selection),
    instruction: instruction || undefined,
    diagnostics: here.map((diagnostic) => ({
      range: client.code2ProtocolConverter.asRange(diagnostic.range),
      message: diagnostic.message,
      code: String(typeof diagnostic.code === 'object' ? diagnostic.code.value : (diagnostic.code ?? '')),
      source: diagnostic.source ?? '',
    })),
  };
}

async function send(
  client: LanguageClient,
  action: Action,
  argument: object,
  progress: vscode.Progress<{ message?: string }>,
  preview: Conversation | undefined,
  cancelled: vscode.CancellationToken,
): Promise<Outcome> {
  const workDoneToken = `sidesight-${action}-${crypto.randomUUID()}`;
  const partialResultToken = `${workDoneToken}-text`;
  let text = '';
  const listeners = [
    client.onProgress(new ProgressType<{ message?: string }>(), workDoneToken, ({ message }) =>
      progress.report(message ? { message } : {}),
    ),
    client.onProgress(new ProgressType<{ text: string }>(), partialResultToken, (piece) => {
      text += piece.text;
      preview?.show(text);
    }),
  ];
  try {
    const argument_ = { ...argument, workDoneToken, ...(preview ? { partialResultToken } : {}) };
    const params = { command: `sidesight.${action}`, arguments: [argument_] };
    return await client.sendRequest(ExecuteCommandRequest.type, params, cancelled);
  } finally {
    vscode.Disposable.from(...listeners).dispose();
  }
}

async function show(
  client: LanguageClient,
  answers: Answers,
  editor: vscode.TextEditor,
  action: Action,
  outcome: Outcome,
  preview: Conversation | undefined,
): Promise<void> {
  const places = outcome.locations.map((place) => client.protocol2CodeConverter.asLocation(place));
  if (preview) {
    preview.end(action === 'generate' ? report(outcome) : outcome.text, places);
    return;
  }
  const more = 'Show the checks';
  const tell = outcome.passed ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  if ((await tell(`Sidesight: ${outcome.message}`, more)) === more) {
    const opened = await open(answers, `${title(action)} ${nameOf(editor)}`);
    opened.end(report(outcome), places);
  }
}

async function open(answers: Answers, heading: string): Promise<Conversation> {
  const conversation = answers.open();
  conversation.begin(heading, []);
  const document = await vscode.workspace.openTextDocument(conversation.uri);
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  return conversation;
}

/** What would change or did, and what was checked. */
function report(outcome: Outcome): string {
  const marks = { passed: '✓', failed: '✗', could_not_run: '–' };
  const checks = outcome.checks.map((check) => `- ${marks[check.status]} ${check.name} ${check.detail}`.trimEnd());
  const diff = outcome.diff ? `\`\`\`diff\n${outcome.diff}\`\`\`` : '';
  return [outcome.message, diff, checks.join('\n')].filter(Boolean).join('\n\n');
}

function title(action: Action): string {
  return action.charAt(0).toUpperCase() + action.slice(1);
}

function nameOf(editor: vscode.TextEditor): string {
  return `${vscode.workspace.asRelativePath(editor.document.uri)}:${editor.selection.start.line + 1}`;
}

export async function clearReview(client: LanguageClient): Promise<void> {
  await client.sendRequest(ExecuteCommandRequest.type, { command: 'sidesight.clearReview', arguments: [] });
}

/** Whether tests of this workspace may be run, in the sandbox. */
export async function trust(client: LanguageClient, decision: 'grant' | 'revoke'): Promise<void> {
  const params = { command: 'sidesight.trust', arguments: [{ decision }] };
  try {
    const said: { workspace: string; decision: string } = await client.sendRequest(ExecuteCommandRequest.type, params);
    const may = decision === 'grant' ? 'may' : 'may not';
    void vscode.window.showInformationMessage(`Sidesight ${may} run the tests of ${said.workspace}.`);
  } catch (error) {
    void vscode.window.showErrorMessage(`Sidesight: ${error instanceof Error ? error.message : String(error)}`);
  }
}
