/** Start the language server and register the commands. */
import * as vscode from 'vscode';
import { type LanguageClient, State } from 'vscode-languageclient/node';
import { Answers } from './answers';
import { ask, pickPictures } from './ask';
import { createClient } from './client';
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

  async function askWith(pictures?: readonly vscode.Uri[]): Promise<void> {
    if (client.state === State.Stopped || client.state === State.StartFailed) {
      const mend = 'Open the setting';
      const message = 'Sidesight: the language server is not running. Set the path of `sidesight`, or read the log.';
      if ((await vscode.window.showErrorMessage(message, mend)) === mend) {
        await vscode.commands.executeCommand('workbench.action.openSettings', 'sidesight.command');
      }
      return;
    }
    await ask(client, answers, pictures);
  }

  context.subscriptions.push(
    log,
    status,
    answers,
    vscode.commands.registerCommand('sidesight.askQuestion', () => askWith()),
    vscode.commands.registerCommand('sidesight.askAboutPicture', async (clicked?: vscode.Uri) => {
      const pictures = clicked ? [clicked] : await pickPictures();
      if (pictures) {
        await askWith(pictures);
      }
    }),
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
