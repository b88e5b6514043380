import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { listTags } from '../../support/registry/listings.ts';
import { pushImage, pushIndex, pushReferrer, type Pushed, type Target } from '../../support/registry/push.ts';
import { succeed } from '../support/programs/command.ts';
import { openCosign, type Cosign, type KeyPair } from '../support/programs/cosign.ts';
import { requirePrograms } from '../support/programs/ensure.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { inShort, openPromoter, promotion, type Promoter } from '../support/promotions/promoter.ts';
import { openReaders, type Readers } from '../support/promotions/readers.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';

const PLAIN = { quarantine: false, provenance: false, history: false };
const VERIFY = ['--insecure-ignore-tlog', '--allow-http-registry'];

describe('pratique promote carries images across an air gap in a folder', () => {
  let [vendor, own]: Registry[] = [];
  let cosign: Cosign;
  let key: KeyPair;
  let promoter: Promoter;
  let workspace: Workspace;
  let readers: Readers;
  let programs: Readonly<Record<'crane' | 'oras' | 'regctl', string>>;
  let index: Pushed;
  before(async () => {
    [vendor, own, cosign, promoter, workspace, programs] = await Promise.all([
      startOlareg(),
      startDistribution(),
      openCosign(),
      openPromoter(),
      openWorkspace('folders'),
      requirePrograms(['crane', 'oras', 'regctl']),
    ]);
    readers = await openReaders(workspace);
    key = await cosign.createKeyPair('vendor');
    const here = at(vendor, 'web');
    const children = await Promise.all(
      ['one', 'two'].map((bytes) =>
        pushImage(here, { layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes }] }),
      ),
    );
    const platforms = children.map((child, n) => ({
      ...child,
      platform: { os: 'linux', architecture: n === 0 ? 'amd64' : 'arm64' },
    }));
    index = await pushIndex({ ...here, tag: '1.0.0' }, { manifests: platforms });
    for (const subject of [index, ...children])
      await pushReferrer(here, { subject, artifactType: 'application/vnd.cyclonedx+json', blobs: [] });
    await cosign.sign(index.reference, { key, format: 'bundle' });
    await cosign.sign(index.reference, { key, format: 'legacy' });
  });
  after(async () => {
    await Promise.all([vendor?.stop(), own?.stop(), cosign.stop(), promoter.stop()]);
    await workspace.close();
  });

  const at = (registry: Registry | undefined, repository: string): Target => ({
    registry: registry?.host ?? '',
    repository,
  });
  const named = ({ registry, repository }: Target): string => `${registry}/${repository}`;
  const folder = (name: string): string => join(workspace.folder, name);
  const carry = (source: string, target: string, more: object = {}) =>
    promoter.promote([
      promotion({
        source: { repository: source },
        target: { repository: target },
        tags: { include: ['.*'] },
        mirror: PLAIN,
        ...more,
      }),
    ]);
  const ask = async (name: keyof typeof programs, ...args: readonly string[]): Promise<string> =>
    (await succeed({ command: programs[name], args, env: { HOME: workspace.folder } })).trim();

  it('with all that belongs to them, of which nothing is lost and nothing is added', async () => {
    const out = await carry(named(at(vendor, 'web')), `oci:${folder('export')}`);
    expect(inShort(out), out.stderr).to.deep.equal(['1.0.0 Mirrored']);
    const back = await carry(`oci:${folder('export')}`, named(at(own, 'web')));
    expect(inShort(back), back.stderr).to.deep.equal(['1.0.0 Mirrored']);
    const [before, after] = [`${named(at(vendor, 'web'))}:1.0.0`, `${named(at(own, 'web'))}:1.0.0`];
    expect(await readers.oras(after)).to.deep.equal(await readers.oras(before));
    expect(await readers.regctl(after)).to.deep.equal(await readers.regctl(before));
    expect(await readers.crane(after)).to.equal(index.digest);
    const verified = await cosign.run(['verify', ...VERIFY, '--key', key.publicKey, after]);
    expect(verified).to.contain(index.digest);
    const cosignTag = `${index.digest.replace(':', '-')}.sig`;
    expect(await listTags(at(own, 'web'))).to.include(cosignTag);
  });

  it('so that oras and regctl find in the folder what they find in the registry', async () => {
    const { referrers } = await readers.oras(`${named(at(vendor, 'web'))}:1.0.0`);
    const place = `${folder('export')}:1.0.0`;
    const discovered = JSON.parse(
      await ask('oras', 'discover', '--oci-layout', '--format', 'json', '--depth', '1', place),
    ) as { readonly digest: string; readonly referrers: readonly { readonly digest: string }[] };
    expect(discovered.digest).to.equal(index.digest);
    expect(discovered.referrers.map(({ digest }) => digest).toSorted()).to.deep.equal(referrers);
    const listed = JSON.parse(
      await ask('regctl', 'artifact', 'list', '--format', '{{json .Descriptors}}', `ocidir://${place}`),
    ) as readonly { readonly digest: string }[];
    expect(listed.map(({ digest }) => digest).toSorted()).to.deep.equal(referrers);
    await ask(
      'oras',
      'cp',
      '-r',
      '--from-oci-layout',
      place,
      '--to-plain-http',
      `${named(at(own, 'oras'))}:1.0.0`,
    );
    expect(await readers.oras(`${named(at(own, 'oras'))}:1.0.0`)).to.deep.equal({
      digest: index.digest,
      referrers,
    });
  });

  it('also in folders that oras, regctl and crane have written', async () => {
    const image = `${named(at(vendor, 'web'))}:1.0.0`;
    const host = `reg=${vendor?.host ?? ''},tls=disabled`;
    await ask(
      'oras',
      'cp',
      '-r',
      '--from-plain-http',
      image,
      '--to-oci-layout',
      `${folder('by-oras')}:1.0.0`,
    );
    await ask(
      'regctl',
      'image',
      'copy',
      '--referrers',
      '--digest-tags',
      '--host',
      host,
      image,
      `ocidir://${folder('by-regctl')}:1.0.0`,
    );
    await ask('crane', 'pull', '--insecure', '--format=oci', image, folder('by-crane'));
    const whole = await readers.oras(image);
    for (const [name, tag, seen] of [
      ['by-oras', '1.0.0', whole],
      ['by-regctl', '1.0.0', whole],
      ['by-crane', 'latest', { ...whole, referrers: [] }],
    ] as const) {
      const ran = await carry(`oci:${folder(name)}`, named(at(own, name)));
      expect(inShort(ran), ran.stderr).to.deep.equal([`${tag} Mirrored`]);
      expect(await readers.oras(`${named(at(own, name))}:${tag}`)).to.deep.equal(seen);
    }
  });

  it('and refuses a folder of other files with exit code 2 and the reason, and leaves them alone', async () => {
    const refused = await carry(named(at(vendor, 'web')), `oci:${workspace.folder}`);
    expect(refused.code).to.equal(2);
    expect(inShort(refused)).to.deep.equal(['1.0.0 Failed RegistryMisbehaved']);
    expect(existsSync(join(workspace.folder, 'oci-layout'))).to.equal(false);
  });
});
