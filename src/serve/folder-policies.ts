import { readDocuments } from '../clients/files/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { watchFolder, type PublicRoot } from '../controllers/policies/index.ts';
import type { Log } from '../core/model/index.ts';
import { clock, type ProcessContext } from './parts.ts';

/** Milliseconds between two looks at a folder of policies: a person who edits one does not wait long. */
const FOLDER_LOOK_MS = 2_000;

/** Reads the policies of a folder, and keeps looking. */
export function openFolderPolicies(
  folder: string,
  {
    context,
    log,
    publicRoot,
  }: { readonly context: ProcessContext; readonly log: Log; readonly publicRoot: PublicRoot },
): ReturnType<typeof watchFolder> {
  return watchFolder({
    read: () => readDocuments(folder, { stdin: context.stdin }),
    clock,
    roots: { read: readTrustRoot, publicGood: publicRoot.current },
    everyMs: FOLDER_LOOK_MS,
    onChange: (outcome) => {
      if (outcome.ok) log.info({ policies: outcome.value.policies.length }, 'policies changed');
      else
        log.error(
          { problems: outcome.problems },
          'policies do not compile, the last good ones stay in force',
        );
    },
  });
}
