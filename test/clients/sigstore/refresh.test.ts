import { expect } from 'chai';
import { readTrustRoot, refreshPublicGoodRoot } from '../../../src/clients/sigstore/index.ts';
import { Fault } from '../../../src/core/model/index.ts';
import { createSigstore, type Sigstore } from '../../support/sigstore/instance.ts';
import { serveTuf, type TufRepository } from '../../support/sigstore/tuf-repository.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

describe('refresh', () => {
  let sigstore: Sigstore;
  let repository: TufRepository;
  let folder: TemporaryFolder;
  before(async () => {
    sigstore = await createSigstore();
  });
  beforeEach(async () => {
    repository = await serveTuf(sigstore.root.json);
    folder = await temporaryFolder({ 'root.json': repository.rootJson });
  });
  afterEach(async () => {
    await repository.close();
    await folder.remove();
  });

  const refresh = (mirrorURL = repository.url) =>
    refreshPublicGoodRoot({
      cachePath: `${folder.path}/cache`,
      mirrorURL,
      rootPath: `${folder.path}/root.json`,
      timeoutMs: 20_000,
      retries: 0,
    });
  const faultOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('fetches the root of a mirror', async () => {
    const root = await refresh();
    expect(root.ok && readTrustRoot(root.value.json)).to.deep.equal(root);
    expect(root.ok && JSON.parse(root.value.json)).to.deep.include({ tlogs: sigstore.rootJson.tlogs });
  });

  it('S13: a mirror that cannot be reached is a Fault within its timeout, and not a weaker root', async () => {
    await repository.close();
    const fault = await faultOf(refresh());
    expect(fault).to.be.instanceOf(Fault).and.to.include({ side: 'trust', transient: true });
    expect((fault as Fault).message).to.equal(
      'refresh the sigstore trust root: TUF failed with TUF_REFRESH_METADATA_ERROR',
    );
  });

  it('S13: a target that does not match its signed metadata is a Fault', async () => {
    repository.replaceTarget(JSON.stringify({ ...sigstore.rootJson, ctlogs: [] }));
    expect(await faultOf(refresh())).to.be.instanceOf(Fault);
  });

  it('S13: expired metadata is a Fault', async () => {
    await repository.close();
    repository = await serveTuf(sigstore.root.json, new Date(Date.now() - 1_000));
    await folder.write('root.json', repository.rootJson);
    expect(await faultOf(refresh())).to.be.instanceOf(Fault);
  });

  it('S13: metadata by another key than the root names is a Fault', async () => {
    const other = await serveTuf(sigstore.root.json);
    expect(await faultOf(refresh(other.url))).to.be.instanceOf(Fault);
    await other.close();
  });
});
