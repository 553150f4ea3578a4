/** Start the language server and register the commands. */
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
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

  context.subscriptions.push(
    log,
    status,
    answers,
    vscode.commands.registerCommand('sidesight.askQuestion', () => ask(client, answers)),
    vscode.commands.registerCommand('sidesight.askAboutPicture', async (clicked?: vscode.Uri) => {
      const pictures = clicked ? [clicked] : await pickPictures();
      if (pictures) {
        await ask(client, answers, pictures);
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
