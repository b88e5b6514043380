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

/** The JSON pointer of a field path such as `spec.containers[0].image`; no step of ours has a dot or a bracket in it. */
export function fieldPointer(field: string): string {
  return pointer(field.replaceAll(/\[(\d+)\]/g, '.$1').split('.'));
}
