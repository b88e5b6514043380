/**
 * Compiles a glob over slash-separated names: `?` is one character and `*` any number of them inside one component, `**`
 * as a component stands for any number of components, at the end for at least one. Matching takes no more steps than
 * pattern length times name length: names come from whoever may create a pod, and a regular expression made from several
 * wildcards backtracks for minutes.
 */
export function compileGlob(pattern: string): (name: string) => boolean {
  const components = pattern.split('/');
  const wanted = components.at(-1) === '**' ? [...components.slice(0, -1), '*', '**'] : components;
  return (name) =>
    matchesAll(wanted, name.split('/'), { star: '**', matchesOne: (part, text) => inComponent(part, text) });
}

function inComponent(part: string, text: string): boolean {
  return matchesAll(Array.from(part), Array.from(text), {
    star: '*',
    matchesOne: (one, char) => one === '?' || one === char,
  });
}

/** Matches item by item; on a mismatch only the last star takes one item more, which is enough for a list of stars. */
function matchesAll(
  pattern: readonly string[],
  items: readonly string[],
  rules: { readonly star: string; readonly matchesOne: (wanted: string, item: string) => boolean },
): boolean {
  let [at, lastStar, resume] = [0, -1, 0];
  let position = 0;
  while (position < items.length) {
    const wanted = pattern[at];
    const item = items[position] ?? '';
    if (wanted === rules.star) {
      [lastStar, resume] = [at, position];
      at += 1;
    } else if (wanted !== undefined && rules.matchesOne(wanted, item)) {
      at += 1;
      position += 1;
    } else {
      if (lastStar < 0) return false;
      resume += 1;
      [at, position] = [lastStar + 1, resume];
    }
  }
  return pattern.slice(at).every((rest) => rest === rules.star);
}
