import { join } from 'node:path';
import { succeed } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';
import type { Workspace } from '../programs/workspace.ts';

/** What another program sees of an image by a tag. */
export interface Seen {
  readonly digest: string;
  /** Digests of what refers to it directly. */
  readonly referrers: readonly string[];
}

/** Programs of others that read registries; crane knows nothing of referrers. */
export interface Readers {
  readonly crane: (image: string) => Promise<string>;
  readonly oras: (image: string) => Promise<Seen>;
  readonly regctl: (image: string) => Promise<Seen>;
}

/** The real crane, oras and regctl, with a home in the workspace, speaking http with registries on loopback. */
export async function openReaders(workspace: Workspace): Promise<Readers> {
  const programs = await requirePrograms(['crane', 'oras', 'regctl']);
  const env = { HOME: workspace.folder, DOCKER_CONFIG: workspace.folder };
  const ask = async (name: keyof typeof programs, args: readonly string[]): Promise<string> =>
    (await succeed({ command: programs[name], args, env })).trim();
  return {
    crane: async (image) => {
      // Reads every manifest and every blob, and hashes them.
      await ask('crane', ['pull', '--insecure', '--format=oci', image, join(workspace.folder, 'pulled')]);
      return ask('crane', ['digest', '--insecure', image]);
    },
    oras: async (image) => {
      const args = ['discover', '--plain-http', '--format', 'json', '--depth', '1', image];
      const { digest, referrers } = JSON.parse(await ask('oras', args)) as {
        digest: string;
        referrers?: readonly { digest: string }[];
      };
      return { digest, referrers: digestsOf(referrers) };
    },
    regctl: async (image) => {
      const host = ['--host', `reg=${image.split('/')[0] ?? ''},tls=disabled`];
      const list = ['artifact', 'list', '--format', '{{json .Descriptors}}', image, ...host];
      const referrers = JSON.parse(await ask('regctl', list)) as readonly { digest: string }[] | null;
      const digest = await ask('regctl', ['image', 'digest', image, ...host]);
      return { digest, referrers: digestsOf(referrers ?? []) };
    },
  };
}

function digestsOf(listed: readonly { readonly digest: string }[] = []): readonly string[] {
  return listed.map(({ digest }) => digest).toSorted();
}
