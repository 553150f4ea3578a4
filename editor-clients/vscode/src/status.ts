/** The status bar item: what the server is doing, in a word. */
import * as vscode from 'vscode';
import { State } from 'vscode-languageclient/node';

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('sidesight', vscode.StatusBarAlignment.Right, 100);
  private readonly working = new Map<string | number, string>();
  private state = State.Stopped;

  constructor() {
    this.item.name = 'Sidesight';
    this.item.command = 'sidesight.showLog';
    this.draw();
    this.item.show();
  }

  moved(state: State): void {
    this.state = state;
    if (state === State.Stopped) {
      this.working.clear();
    }
    this.draw();
  }

  /** What is under way, such as the loading of weights; no text: it has ended. */
  work(token: string | number, text: string | undefined): void {
    if (text === undefined) {
      this.working.delete(token);
    } else {
      this.working.set(token, text);
    }
    this.draw();
  }

  private draw(): void {
    const [work] = this.working.values();
    const error = this.state === State.Stopped || this.state === State.StartFailed;
    const busy = work !== undefined || this.state === State.Starting;
    this.item.text = `$(${error ? 'error' : busy ? 'loading~spin' : 'eye'}) Sidesight`;
    this.item.tooltip = error
      ? 'Sidesight: the language server is not running; click for its log'
      : work ?? (busy ? 'Sidesight: starting' : 'Sidesight: ready');
    this.item.backgroundColor = error ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
  }

  dispose(): void {
    this.item.dispose();
  }
}
