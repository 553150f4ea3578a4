/** The language client: ghost text comes with it, for it speaks textDocument/inlineCompletion. */
import * as vscode from 'vscode';
import { LanguageClient, RevealOutputChannelOn } from 'vscode-languageclient/node';
import { SECTION, chosenSettings, serverCommand } from './settings';
import type { Status } from './status';

export function createClient(
  extension: vscode.Extension<unknown>,
  log: vscode.LogOutputChannel,
  status: Status,
): LanguageClient {
  const client = new LanguageClient(
    'sidesight',
    'Sidesight',
    { command: serverCommand(), args: ['serve'] },
    {
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }],
      outputChannel: log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      middleware: {
        workspace: {
          configuration: (params) =>
            params.items.map((item) => (item.section === SECTION ? chosenSettings(extension) : null)),
        },
        handleWorkDoneProgress: (token, value, next) => {
          status.work(token, value.kind === 'end' ? undefined : workText(value));
          next(token, value);
        },
      },
    },
  );
  client.onDidChangeState((change) => status.moved(change.newState));
  return client;
}

function workText(value: { title?: string; message?: string }): string {
  return `Sidesight: ${value.message ?? value.title ?? 'working'}`;
}
