/** One function that reads what strangers wrote, and what must be true of it whatever they write. */
export interface Target {
  /** In kebab-case; its corpus is `corpus/NAME.json`. */
  readonly name: string;
  /** Whether inputs are changed as documents or as texts. */
  readonly form: 'json' | 'text';
  /**
   * Throws (or rejects) where the law is broken. The answer is a short label of what happened: an input with a new one is changed
   * further.
   */
  readonly check: (input: Uint8Array) => string | Promise<string>;
}

/** Says which law is broken. */
export function demand(isKept: boolean, law: string): void {
  if (!isKept) throw new BrokenLaw(law);
}

/** What {@link demand} throws. */
export class BrokenLaw extends Error {
  override readonly name = 'BrokenLaw';
}

/** The text of an input. */
export function textIn(input: Uint8Array): string {
  return new TextDecoder().decode(input);
}

/** A target over documents: what is no JSON at all is left out, because others read that. */
export function onJson(check: (value: unknown) => string | Promise<string>): Target['check'] {
  return (input) => {
    let value: unknown;
    try {
      value = JSON.parse(textIn(input));
    } catch {
      return 'no JSON';
    }
    return check(value);
  };
}
