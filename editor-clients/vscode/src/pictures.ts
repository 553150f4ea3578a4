/** Pictures that the user names, and the files that they point to. */
import * as vscode from 'vscode';
import { ExecuteCommandRequest, type LanguageClient, type Location } from 'vscode-languageclient/node';

/** What the server takes from the clipboard itself, by the means of the platform it runs on. */
export const CLIPBOARD = 'clipboard:';

export type Picture = vscode.Uri | typeof CLIPBOARD;

const SUFFIXES = ['png', 'jpg', 'jpeg', 'webp', 'bmp', 'gif', 'tif', 'tiff'];

/** Result of the server's command `sidesight.openFromImage`. */
interface Opened {
  shown: boolean;
  locations: Location[];
  differences: string[];
}

export function pictureName(picture: Picture): string {
  return picture === CLIPBOARD ? 'clipboard' : vscode.workspace.asRelativePath(picture);
}

export function pictureSource(picture: Picture): string {
  return picture === CLIPBOARD ? CLIPBOARD : picture.fsPath;
}

export async function pickPictures(openLabel: string, canSelectMany: boolean): Promise<vscode.Uri[] | undefined> {
  return vscode.window.showOpenDialog({ canSelectMany, openLabel, filters: { Pictures: SUFFIXES } });
}

/** Go to the place that a picture points to; the errors that it shows appear there. */
export async function openFrom(client: LanguageClient, picture: Picture): Promise<void> {
  const title = `Sidesight is reading ${pictureName(picture)}`;
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (_progress, cancelled) => {
      const params = { command: 'sidesight.openFromImage', arguments: [pictureSource(picture)] };
      try {
        const opened: Opened = await client.sendRequest(ExecuteCommandRequest.type, params, cancelled);
        const first = opened.locations[0];
        if (!opened.shown && first) {
          const place = client.protocol2CodeConverter.asLocation(first);
          await vscode.window.showTextDocument(place.uri, { selection: place.range });
        }
        if (opened.differences.length > 0) {
          void vscode.window.showWarningMessage(`Sidesight: the picture differs. ${opened.differences.join('; ')}`);
        }
      } catch (error) {
        if (!cancelled.isCancellationRequested) {
          void vscode.window.showErrorMessage(`Sidesight: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    },
  );
}

export async function clearPictures(client: LanguageClient): Promise<void> {
  await client.sendRequest(ExecuteCommandRequest.type, { command: 'sidesight.clearFromImage', arguments: [] });
}
