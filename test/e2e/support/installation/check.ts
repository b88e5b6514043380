import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../programs/command.ts';
import { PRODUCT } from '../programs/product.ts';
import { openWorkspace } from '../programs/workspace.ts';

/** The built product's command line, with policies of one test after the other. */
export interface Checker {
  /**
   * Judges one image by ImagePolicies and returns one line: exit code, verdict and reason codes, e.g. `1 deny Unsigned`.
   * Output that is no verdict is returned unchanged.
   */
  check(image: string, policies: readonly object[]): Promise<string>;
  /** Judges one image and returns its evidence, line by line (`--explain`). */
  explain(image: string, policies: readonly object[]): Promise<readonly string[]>;
  stop(): Promise<void>;
}

interface Report {
  readonly images: readonly {
    verdict: string;
    findings: readonly { reason: string }[];
    explanation?: readonly string[];
  }[];
}

/** Makes a folder for policies; `stop` removes it. */
export async function openChecker(): Promise<Checker> {
  const workspace = await openWorkspace('check');
  let asked = 0;
  const run = async (image: string, policies: readonly object[], flags: readonly string[]) => {
    asked += 1;
    const path = join(workspace.folder, `policies-${asked}.yaml`);
    // JSON is YAML.
    await writeFile(path, policies.map((each) => JSON.stringify(each)).join('\n---\n'));
    return runCommand({
      command: process.execPath,
      args: [PRODUCT, 'check', '--policies', path, image, '-o', 'json', ...flags],
      // A separate home folder, without the registry logins of the developer.
      env: { HOME: workspace.folder, DOCKER_CONFIG: join(workspace.folder, 'docker') },
    });
  };
  return {
    check: async (image, policies) => {
      const { code, stdout, stderr } = await run(image, policies, []);
      return stdout === '' ? `${code} ${stderr}` : inShort(code, JSON.parse(stdout) as Report);
    },
    explain: async (image, policies) => {
      const { stdout } = await run(image, policies, ['--explain']);
      return (JSON.parse(stdout) as Report).images.flatMap(({ explanation = [] }) => explanation);
    },
    stop: () => workspace.close(),
  };
}

function inShort(code: number, { images }: Report): string {
  const verdicts = images.flatMap(({ verdict, findings }) => [verdict, ...findings.map((one) => one.reason)]);
  return [code, ...verdicts].join(' ');
}
