import { stringify } from 'yaml';

/** How results are written. */
export type OutputFormat = 'text' | 'json' | 'yaml';

export function printDocument(value: object, format: OutputFormat): string {
  return format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}

/** A text in this colour (ECMA-48, SGR), where colours are wanted. */
export function coloured(text: string, code: number, isWanted: boolean): string {
  return isWanted ? `\u001b[${code}m${text}\u001b[0m` : text;
}
