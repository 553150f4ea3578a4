/** The settings that the user has set, as the server reads them. */
import * as vscode from 'vscode';

export const SECTION = 'sidesight';
const OWN = 'command'; // used here, unknown to the server

/**
 * Only what is set: a default that is sent along would override the user's config.toml and environment.
 * Only the user's own: all our settings have the scope "machine", so a workspace cannot set them.
 */
export function chosenSettings(extension: vscode.Extension<unknown>): Record<string, unknown> {
  const properties: object = extension.packageJSON.contributes.configuration.properties;
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const chosen: Record<string, unknown> = {};
  for (const property of Object.keys(properties)) {
    const key = property.slice(SECTION.length + 1);
    const value = configuration.inspect(key)?.globalValue;
    if (key !== OWN && value !== undefined) {
      chosen[key] = value;
    }
  }
  return chosen;
}

export function serverCommand(): string {
  return vscode.workspace.getConfiguration(SECTION).get<string>(OWN) || 'sidesight';
}
