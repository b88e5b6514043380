// The second half of the demo: a public image on its way through quarantine to golden, by the command line of the product.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { CVE, publishBase, releaseOf, reportOn } from './registries.ts';
import { completed, keysYaml, mirrorYaml, promoteYaml } from './promotion-files.ts';
import { runPratique } from './run-pratique.ts';
import type { Keys } from './story.ts';
import { printTable, say, type Ask, type Row } from './output.ts';

const DAY_MS = 24 * 3_600_000;

/** Shows the whole way, and answers the folder with its promotions; remove it in the end. */
export async function promoteImages({
  host,
  keys,
  ask,
}: {
  readonly host: string;
  readonly keys: Keys;
  readonly ask: Ask;
}): Promise<{ readonly folder: string; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'pratique-promotions-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  const run = async (...args: string[]): Promise<string> => {
    say(`$ pratique ${args.join(' ')}`);
    return (await runPratique(folder, args)).out.trimEnd();
  };
  const table = async (...chapters: readonly (readonly [string, string])[]): Promise<readonly Row[]> => {
    const rows: Row[] = [];
    for (const [title, image] of chapters) rows.push(await ask({ title, image: `${host}/${image}` }));
    say();
    printTable(rows, host);
    say();
    return rows;
  };
  try {
    const now = new Date();
    const images = await publishBase(host, keys);
    await mkdir(join(folder, 'promote'));
    await write('mirror.yaml', mirrorYaml(host));
    await write('promote/promotion.yaml', promoteYaml(host));
    await write('promote/keys.yaml', keysYaml(keys));

    say(
      '2. PROMOTION. A public image has two new versions; they are mirrored into quarantine, where nothing runs:',
    );
    say();
    say(await run('promote', '-f', 'mirror.yaml'));
    await table(['mirrored, in quarantine', 'quarantine/base:1.4.2']);

    for (const [tag, image] of images)
      await reportOn(image, { host, key: keys.scanner, ids: tag === '1.5.0' ? [CVE] : [], now });
    say(`A scanner attaches a signed report to each: 1.4.2 is clean, 1.5.0 has ${CVE}. Then this object`);
    say('promotes what passes the gates:');
    say();
    say(indented(promoteYaml(host)));
    const printed = await run('promote', '-f', 'promote');
    say(printed);
    const rows = await table(
      ['promoted and signed', 'golden/base:1.4.2'],
      ['superseded by 1.4.2', 'golden/base:1.4.1'],
      ['vulnerable, still outside', 'golden/base:1.5.0'],
    );
    say('What the person reads who runs the old one:');
    say();
    say(rows[1]?.message);
    say();

    const yes = {
      approver: 'jane@example.com',
      reason: 'not reachable from the entry point',
      until: new Date(now.getTime() + 30 * DAY_MS).toISOString().slice(0, 10),
    };
    say('A person accepts exactly these findings of this digest, and completes the approval:');
    say();
    for (const [field, value] of Object.entries(yes)) say(`  ${field}: ${value}`);
    say();
    await write('promote/approval.yaml', completed(printed, yes));
    say(await run('promote', '-f', 'promote'));
    await table(['vulnerable, approved', 'golden/base:1.5.0']);
    const image = images.get('1.5.0');
    if (!image) throw new Error('there is no such image in the story');
    const { gates, waived, approver, approvalReason } = await releaseOf(
      { registry: host, repository: 'golden/base' },
      image,
    );
    say('The registry alone shows why golden has it. The signed release statement says:');
    say();
    say(indented(stringify({ gates, waived, approver, approvalReason })).trimEnd());
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
