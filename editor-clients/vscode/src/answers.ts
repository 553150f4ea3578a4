/** Conversations as read-only Markdown documents whose last lines link to the places that an answer names. */
import * as vscode from 'vscode';
import { type Picture, pictureName } from './pictures';

export const SCHEME = 'sidesight';

export class Conversation {
  /** The server's name for it, from the first answer on. */
  id: string | undefined;
  busy = false;
  private readonly finished: string[] = [];
  private current = '';

  constructor(
    readonly uri: vscode.Uri,
    private readonly changed: (uri: vscode.Uri) => void,
  ) {}

  get text(): string {
    return [...this.finished, this.current].filter(Boolean).join('\n\n') + '\n';
  }

  begin(question: string, images: readonly Picture[]): void {
    const pictures = images.map((image) => `*${pictureName(image)}*`);
    this.finished.push([`## ${question}`, ...pictures].join('\n'));
    this.current = '…';
    this.busy = true;
    this.changed(this.uri);
  }

  /** Show what has been generated so far. */
  show(text: string): void {
    this.current = text;
    this.changed(this.uri);
  }

  end(text: string, locations: readonly vscode.Location[] = []): void {
    this.finished.push([text, locations.map(link).join('\n')].filter(Boolean).join('\n\n'));
    this.current = '';
    this.busy = false;
    this.changed(this.uri);
  }
}

function link(location: vscode.Location): string {
  const { line, character } = location.range.start;
  const target = location.uri.with({ fragment: `L${line + 1},${character + 1}` });
  return `- [${vscode.workspace.asRelativePath(location.uri)}:${line + 1}](${target.toString()})`;
}

export class Answers implements vscode.TextDocumentContentProvider, vscode.DocumentLinkProvider, vscode.Disposable {
  private readonly conversations = new Map<string, Conversation>();
  private readonly changes = new vscode.EventEmitter<vscode.Uri>();
  // Before the registrations, for VS Code looks for it when the provider is registered.
  readonly onDidChange = this.changes.event;
  private readonly registrations = [
    this.changes,
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
    // The links of VS Code's own Markdown support do not reach documents of a foreign scheme.
    vscode.languages.registerDocumentLinkProvider({ scheme: SCHEME }, this),
    vscode.workspace.onDidCloseTextDocument((document) => this.conversations.delete(document.uri.toString())),
  ];
  private count = 0;

  open(): Conversation {
    this.count += 1;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/Answer ${this.count}.md` });
    const conversation = new Conversation(uri, (changed) => this.changes.fire(changed));
    this.conversations.set(uri.toString(), conversation);
    return conversation;
  }

  find(uri: vscode.Uri | undefined): Conversation | undefined {
    return uri && this.conversations.get(uri.toString());
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.find(uri)?.text ?? 'This conversation is closed; ask again to open it.\n';
  }

  provideDocumentLinks(document: vscode.TextDocument): vscode.DocumentLink[] {
    return [...document.getText().matchAll(/^- \[.+?\]\((file:.+?)\)$/gm)].map((match) => {
      const start = document.positionAt(match.index);
      const range = new vscode.Range(start, start.translate(0, match[0].length));
      return new vscode.DocumentLink(range, vscode.Uri.parse(match[1] ?? ''));
    });
  }

  dispose(): void {
    vscode.Disposable.from(...this.registrations).dispose();
  }
}
