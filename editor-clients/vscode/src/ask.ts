/** Ask a question, about the editor's file or pictures; asking in an answer goes on with its conversation. */
import * as vscode from 'vscode';
import { ExecuteCommandRequest, type LanguageClient, type Location, ProgressType } from 'vscode-languageclient/node';
import { SCHEME, type Answers, type Conversation } from './answers';
import { type Picture, pictureName, pictureSource } from './pictures';

/** Result of the server's command `sidesight.ask`. */
interface Answer {
  answer: string;
  conversation: string;
  locations: Location[];
}

export async function ask(client: LanguageClient, answers: Answers, images: readonly Picture[] = []): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const earlier = answers.find(editor?.document.uri);
  if (earlier?.busy) {
    void vscode.window.showInformationMessage('Sidesight: the last question is still being answered.');
    return;
  }
  const question = await vscode.window.showInputBox({
    title: earlier ? 'Sidesight: ask on' : 'Sidesight: ask',
    prompt: images.map(pictureName).join(', '),
    placeHolder: images.length > 0 ? 'What fails here?' : 'What does this do?',
  });
  if (!question) {
    return;
  }
  const conversation = earlier ?? answers.open();
  conversation.begin(question, images);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(conversation.uri), {
    viewColumn: earlier ? vscode.ViewColumn.Active : vscode.ViewColumn.Beside,
    preview: false,
  });
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'Sidesight is answering', cancellable: true },
    (_progress, cancelled) => send(client, conversation, question, images, editor, cancelled),
  );
}

async function send(
  client: LanguageClient,
  conversation: Conversation,
  question: string,
  images: readonly Picture[],
  editor: vscode.TextEditor | undefined,
  cancelled: vscode.CancellationToken,
): Promise<void> {
  const about = editor?.document.uri.scheme === SCHEME ? undefined : editor;
  const workDoneToken = `sidesight-ask-${crypto.randomUUID()}`;
  let text = '';
  const stream = client.onProgress(new ProgressType<{ message?: string }>(), workDoneToken, (value) => {
    text += value.message ?? '';
    conversation.show(text);
  });
  try {
    const argument = {
      question,
      images: images.map(pictureSource),
      textDocument: about && client.code2ProtocolConverter.asTextDocumentIdentifier(about.document),
      range: about && !about.selection.isEmpty ? client.code2ProtocolConverter.asRange(about.selection) : undefined,
      conversation: conversation.id,
      workDoneToken,
    };
    const params = { command: 'sidesight.ask', arguments: [argument] };
    const answer: Answer = await client.sendRequest(ExecuteCommandRequest.type, params, cancelled);
    conversation.id = answer.conversation || undefined; // empty where nothing is remembered
    conversation.end(answer.answer, answer.locations.map((place) => client.protocol2CodeConverter.asLocation(place)));
  } catch (error) {
    const reason = cancelled.isCancellationRequested ? 'Stopped.' : String(error instanceof Error ? error.message : error);
    conversation.end([text, `*${reason}*`].filter(Boolean).join('\n\n'));
  } finally {
    stream.dispose();
  }
}
