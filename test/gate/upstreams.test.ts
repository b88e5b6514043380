import { expect } from 'chai';
import { openUpstreams } from '../../src/gate/index.ts';
import { nameOf, parseReference } from '../../src/core/model/index.ts';
import { readText } from '../../src/clients/files/index.ts';
import { createRegistry, pullSecretLogins } from '../../src/clients/registry/index.ts';

const clock = () => new Date();
const registry = createRegistry({ keychain: () => Promise.resolve(undefined), now: clock });
const openAll = (upstreams: Parameters<typeof openUpstreams>[0]['upstreams'], passthrough: boolean) =>
  openUpstreams({ upstreams, callers: { passthrough } }, { registry, clock, readText, pullSecretLogins });
const compile = (upstream: object) => openAll([{ match: ['docker.io/**'], ...upstream }], false);

describe('upstreams of the gate', () => {
  after(() => registry.close());

  const rewrites: readonly (readonly [registry: string | undefined, asked: string, read: string])[] = [
    [undefined, 'node', 'docker.io/library/node'],
    ['registry.example.com', 'node', 'registry.example.com/library/node'],
    ['registry.example.com:5000/golden', 'node', 'registry.example.com:5000/golden/library/node'],
    ['registry.example.com/{registry}', 'node', 'registry.example.com/docker.io/library/node'],
    ['registry.example.com/{registry}', 'lan:5000/web', 'registry.example.com/lan-5000/web'],
  ];
  for (const [where, asked, read] of rewrites)
    it(`reads ${asked} at ${read} with registry ${String(where)}`, async () => {
      const upstreams = await compile({ registry: where });
      const image = parseReference(asked);
      if (!upstreams.ok || !image.ok) throw new Error('is not valid');
      expect(nameOf(upstreams.value[0]!.rewrite(image.value))).to.equal(read);
    });

  it('names the field of a glob that matches nothing', async () => {
    expect(await compile({ match: ['docker.io/**', 'ghcr.io'] })).to.have.nested.property(
      'problems[0].path',
      'gate.upstreams[0].match[1]',
    );
  });

  it('G65 asks which of several registries get logins of callers', async () => {
    const [hub, quay] = [{ match: ['docker.io/**'] }, { match: ['quay.io/**'] }];
    const golden = 'registry.example.com/{registry}';
    for (const several of [
      [hub, quay],
      [{ match: ['**'] }],
      [{ match: ['*.io/**'] }],
      [{ ...hub, registry: golden }, quay],
    ]) {
      const opened = await openAll(several, true);
      expect(opened, JSON.stringify(several)).to.have.nested.property('problems[0].path', 'gate.upstreams');
      expect((await openAll(several, false)).ok).to.equal(true);
      const [first, ...others] = several;
      expect((await openAll([{ ...first!, passthrough: true }, ...others], true)).ok).to.equal(true);
    }
    for (const one of [[hub], [{ match: ['**'], registry: golden }], [hub, { match: ['docker.io/acme/**'] }]])
      expect((await openAll(one, true)).ok, JSON.stringify(one)).to.equal(true);
  });

  it('G35 refuses to read several registries at one place, where their repositories would mix', async () => {
    for (const match of ['**', '*.io/**', '?.example.com/**'])
      expect(
        await compile({ match: [match], registry: 'registry.example.com/golden' }),
        match,
      ).to.have.nested.property('problems[0].path', 'gate.upstreams[0].match[0]');
    expect((await compile({ match: ['**'], registry: 'registry.example.com/{registry}' })).ok).to.equal(true);
    expect((await compile({ match: ['**'] })).ok).to.equal(true);
  });
});
