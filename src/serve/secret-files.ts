import { readText } from '../clients/files/index.ts';

/** Texts of files, as they were at the last look. */
export interface SecretFiles {
  /** `undefined` = it could not be read, or was not yet. */
  readonly text: (path: string) => string | undefined;
  readonly close: () => void;
}

/** Milliseconds between two looks: kubelets take a minute to write a Secret that changed. */
const LOOK_MS = 10_000;

/** Follows files with secrets, each of a line; the line break at the end is no part of it. */
export function followSecretFiles(
  paths: readonly string[],
  onError: (problem: { readonly path: string; readonly message: string }) => void,
): SecretFiles {
  const texts = new Map<string, string>();
  const look = async (): Promise<void> => {
    for (const path of new Set(paths)) {
      const read = await readText(path);
      if (read.ok) texts.set(path, read.value.replace(/\r?\n$/, ''));
      else {
        texts.delete(path);
        read.problems.forEach(onError);
      }
    }
  };
  void look();
  const timer = setInterval(() => void look(), LOOK_MS);
  return {
    text: (path) => texts.get(path),
    close: () => {
      clearInterval(timer);
    },
  };
}
