import { digestOf, type AnnotationKeys } from '../model/index.ts';
import { annotationsOf, USUAL_KEYS, type CompiledPolicy } from '../policy/index.ts';
import { BUILDKIT_KIND, BUILDKIT_SUBJECT, CARRIED_KEYS } from './signature-layers.ts';

/** The annotations that are kept of what registries send, with a short name for the key of a fact. */
export interface KeptAnnotations {
  readonly id: string;
  readonly keys: AnnotationKeys;
}

/** What is read whatever policies ask: by which signatures are recognised and verified. */
const ALWAYS: AnnotationKeys = [...CARRIED_KEYS, BUILDKIT_KIND, BUILDKIT_SUBJECT, ...USUAL_KEYS];

/** Characters of the name: two sets of keys with one name would be taken for each other. */
const ID_LENGTH = 16;

/** What is kept where no policy names annotations of its own: the usual case costs no hash. */
const USUAL: KeptAnnotations = { id: 'usual', keys: ALWAYS };

/** What to keep for all of these policies: facts are shared among their images. */
export function keptFor(policies: readonly CompiledPolicy[]): KeptAnnotations {
  const asked = annotationsOf(policies);
  if (asked.length === 0) return USUAL;
  const id = digestOf(JSON.stringify(asked)).slice('sha256:'.length, 'sha256:'.length + ID_LENGTH);
  return { id, keys: [...ALWAYS, ...asked] };
}
