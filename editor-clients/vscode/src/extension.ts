/** Start the language server and register the commands. */
import * as vscode from 'vscode';
import { type LanguageClient, State } from 'vscode-languageclient/node';
import { ACTIONS, act, clearReview, trust } from './actions';
import { Answers } from './answers';
import { ask } from './ask';
import { createClient } from './client';
import { CLIPBOARD, clearPictures, openFrom, pickPictures, type Picture } from './pictures';
import { Status } from './status';

let client: LanguageClient;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel('Sidesight', { log: true });
  const status = new Status();
  const answers = new Answers();

  async function start(): Promise<void> {
    client = createClient(context.extension, log, status);
    // The client itself shows why it could not start, and the status bar item stays red.
    await client.start().catch((error) => log.error(error));
  }

  async function restart(): Promise<void> {
    await client.dispose().catch((error) => log.error(error));
    await start();
  }

  async function withServer(work: () => Promise<void>): Promise<void> {
    if (client.state === State.Stopped || client.state === State.StartFailed) {
      const mend = 'Open the setting';
      const message = 'Sidesight: the language server is not running. Set the path of `sidesight`, or read the log.';
      if ((await vscode.window.showErrorMessage(message, mend)) === mend) {
        await vscode.commands.executeCommand('workbench.action.openSettings', 'sidesight.command');
      }
      return;
    }
    await work();
  }

  const askWith = (pictures?: readonly Picture[]) => withServer(() => ask(client, answers, pictures));
  const open = (picture: Picture) => withServer(() => openFrom(client, picture));

  context.subscriptions.push(
    log,
    status,
    answers,
    vscode.commands.registerCommand('sidesight.askQuestion', () => askWith()),
    vscode.commands.registerCommand('sidesight.askAboutPicture', async (clicked?: vscode.Uri) => {
      const pictures = clicked ? [clicked] : await pickPictures('Ask about it', true);
      if (pictures) {
        await askWith(pictures);
      }
    }),
    vscode.commands.registerCommand('sidesight.askAboutClipboard', () => askWith([CLIPBOARD])),
    vscode.commands.registerCommand('sidesight.openFromPicture', async (clicked?: vscode.Uri) => {
      const [picture] = clicked ? [clicked] : (await pickPictures('Open what it points to', false)) ?? [];
      if (picture) {
        await open(picture);
      }
    }),
    vscode.commands.registerCommand('sidesight.openFromClipboard', () => open(CLIPBOARD)),
    vscode.commands.registerCommand('sidesight.clearPictures', () => withServer(() => clearPictures(client))),
    ...ACTIONS.map((action) =>
      vscode.commands.registerCommand(`sidesight.editor.${action}`, () =>
        withServer(() => act(client, answers, action)),
      ),
    ),
    vscode.commands.registerCommand('sidesight.editor.clearReview', () => withServer(() => clearReview(client))),
    vscode.commands.registerCommand('sidesight.editor.allowTests', () => withServer(() => trust(client, 'grant'))),
    vscode.commands.registerCommand('sidesight.editor.forbidTests', () => withServer(() => trust(client, 'revoke'))),
    vscode.commands.registerCommand('sidesight.restart', restart),
    vscode.commands.registerCommand('sidesight.showLog', () => log.show()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('sidesight.command')) {
        void restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.dispose();
}
