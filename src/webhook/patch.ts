/** One step of a JSON patch (RFC 6902). */
export interface PatchOperation {
  readonly op: 'add' | 'replace';
  /** A JSON pointer (RFC 6901). */
  readonly path: string;
  readonly value: unknown;
}

/** The JSON pointer of steps into an object. */
export function pointer(steps: readonly string[]): string {
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** An element, a quoted field, or a plain field of a path. */
const STEP = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g;

/** The JSON pointer of a field path such as `spec.containers[0].image` or `spec.roles["a.b"].image`. */
export function fieldPointer(field: string): string {
  const steps = [...field.matchAll(STEP)].map(([, index, quoted, plain]) =>
    quoted === undefined ? (index ?? plain ?? '') : String(JSON.parse(quoted)),
  );
  return pointer(steps);
}
