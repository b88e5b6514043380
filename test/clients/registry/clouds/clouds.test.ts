import { expect } from 'chai';
import { signed } from '../../../../src/clients/registry/clouds/sign.ts';
import { parseSettings } from '../../../../src/core/settings/index.ts';
import { IMPERSONATION, refreshToken } from '../../../support/registry/clouds.ts';
import { startRegistry } from '../../../support/registry/index.ts';
import { pushImage } from '../../../support/registry/push.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { client, patient, tagged } from '../client.ts';
import { ECR_HOST, ECR_LOGIN, MINUTE, useClouds } from './clouds-fixture.ts';

describe('identities of clouds', () => {
  const around = useClouds();
  const { keychain, loginAt, faultAt, aws, google, external } = around;

  it('AWS: a web identity takes a role, whose credentials sign the question for a token of ECR', async () => {
    expect(await loginAt(ECR_HOST, [aws()])).to.deep.equal(ECR_LOGIN);
    expect(around.clouds().asked).to.deep.equal(['/sts/', '/ecr/']);
  });

  it('AWS: the agent on the node gives the credentials of the role (EKS Pod Identity)', async () => {
    around.environment('AWS_WEB_IDENTITY_TOKEN_FILE', '');
    around.environment('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${around.clouds().url}/v1/credentials`);
    around.environment('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', `${around.folder().path}/token`);
    expect(await loginAt(ECR_HOST, [aws()])).to.deep.equal(ECR_LOGIN);
    expect(around.clouds().asked).to.deep.equal(['/v1/credentials', '/ecr/']);
  });

  it('AWS: an image is read from a registry that the settings name', async () => {
    const registry = await startRegistry({
      auth: { kind: 'basic', username: 'AWS', password: 'ecr-password' },
    });
    try {
      const headers = { authorization: `Basic ${btoa('AWS:ecr-password')}` };
      await pushImage({ registry: registry.host, repository: 'shop/web', tag: '1.0', headers });
      const view = client({ keychain: keychain([aws({ registries: [registry.host] })]) });
      expect(await view.manifest(tagged(registry), patient())).to.be.an('object');
    } finally {
      await registry.close();
    }
  });

  it('AWS signs as the published example of Signature Version 4 does', () => {
    const credentials = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', token: '' };
    const url = new URL('https://example.amazonaws.com/');
    const at = new Date('2015-08-30T12:36:00Z');
    const { authorization } = signed(
      { url, headers: {}, body: '', region: 'us-east-1', service: 'service', at },
      credentials,
    );
    expect(authorization).to.equal(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    );
  });

  it('Azure: a token of the cluster becomes one of Entra, and that a refresh token of one registry', async () => {
    const registry = await startRegistry({
      auth: { kind: 'bearer', identityToken: refreshToken(new Date(around.time + 60 * MINUTE)) },
    });
    try {
      registry.intercept(around.clouds().exchangeAt(() => registry.host));
      const view = client({ keychain: keychain([{ cloud: 'Azure', registries: [registry.host] }]) });
      expect(await view.manifest(tagged(registry), patient())).to.equal(undefined);
      expect(around.clouds().asked).to.deep.equal(['/tenant-1/oauth2/v2.0/token', '/oauth2/exchange']);
      expect(registry.requests.filter(({ status }) => status === 401)).to.have.lengthOf(1);
    } finally {
      await registry.close();
    }
  });

  for (const [title, more, expected, asked] of [
    ['with the token itself', {}, 'sts-token', ['/google/token']],
    ['as a service account', { impersonate: true }, 'iam-token', ['/google/token', IMPERSONATION]],
    ['with a token in JSON', { json: true }, 'sts-token', ['/google/token']],
  ] as const)
    it(`Google: workload identity federation, ${title}`, async () => {
      const credentialsFile = await external({
        ...('impersonate' in more && {
          service_account_impersonation_url: `${around.clouds().url}${IMPERSONATION}`,
        }),
        ...('json' in more && {
          credential_source: {
            file: `${around.folder().path}/token.json`,
            format: { type: 'json', subject_token_field_name: 'access_token' },
          },
        }),
      });
      const login = await loginAt('eu-docker.pkg.dev', [
        google({ credentialsFile, tokenHosts: [around.clouds().host] }),
      ]);
      expect(login).to.deep.equal({ kind: 'password', username: 'oauth2accesstoken', password: expected });
      expect(around.clouds().asked).to.deep.equal(asked);
    });

  it('Google: the metadata server is asked where the settings allow it, and not otherwise', async () => {
    const login = await loginAt('gcr.io', [google({ metadataServer: true })]);
    expect(login).to.deep.include({ password: 'node-token' });
    around.clouds().asked.length = 0;
    expect(await faultAt('gcr.io', [google()])).to.include({ code: 'RegistryDenied' });
    expect(around.clouds().asked).to.deep.equal([]);
  });

  it('a login is got once for all who need it, and renewed before it ends', async () => {
    const find = keychain([aws()]);
    const ask = () => find({ registry: ECR_HOST, repository: 'shop/web' }, patient());
    await Promise.all(Array.from({ length: 20 }, ask));
    around.time += 54 * MINUTE;
    await ask();
    expect(around.clouds().asked).to.deep.equal(['/sts/', '/ecr/']);
    around.time += 2 * MINUTE;
    await ask();
    expect(around.clouds().asked.slice(2)).to.deep.equal(['/sts/', '/ecr/']);
  });

  it('where it cannot be renewed, the last login is used for as long as it lasts, and no longer', async () => {
    const find = keychain([aws()]);
    const ask = () => find({ registry: ECR_HOST, repository: 'shop/web' }, patient());
    await ask();
    around.clouds().instead.set('/ecr/', { status: 503 });
    around.time += 57 * MINUTE;
    expect(await ask()).to.deep.equal(ECR_LOGIN);
    around.time += 4 * MINUTE;
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'RegistryUnavailable', transient: true });
  });

  it('a burst of questions asks once while it fails, and again soon after', async () => {
    const find = keychain([aws()]);
    const ask = () => find({ registry: ECR_HOST, repository: 'shop/web' }, patient()).catch(() => undefined);
    around.clouds().instead.set('/sts/', { status: 503 });
    for (let n = 0; n < 5; n += 1) await ask();
    expect(around.clouds().asked).to.deep.equal(['/sts/']);
    around.clouds().instead.clear();
    around.time += 4_000;
    expect(await ask()).to.deep.equal(ECR_LOGIN);
  });

  it('a login of the Docker config comes first', async () => {
    const auths = { [ECR_HOST]: { auth: btoa('a:b') } };
    const docker = await temporaryFolder({ 'config.json': { auths } });
    try {
      expect(await loginAt(ECR_HOST, [aws()], { directory: docker.path })).to.include({ username: 'a' });
      expect(around.clouds().asked).to.deep.equal([]);
    } finally {
      await docker.remove();
    }
  });

  for (const [wrong, field] of [
    [{ cloud: 'Oracle' }, 'cloud'],
    [{ cloud: 'AWS', endpoints: { sts: 'http://sts.example/' } }, 'endpoints.sts'],
    [{ cloud: 'Azure', authority: 'http://127.0.0.1.evil.example/' }, 'authority'],
    [{ cloud: 'AWS', region: 'x.evil.example/' }, 'region'],
    [{ cloud: 'Google', registries: [] }, 'registries'],
    [{ cloud: 'AWS', clientId: 'x' }, ''],
  ] as const)
    it(`the settings refuse ${JSON.stringify(wrong)}`, () => {
      const read = parseSettings({ registries: { identities: [wrong] } });
      const path = `registries.identities[0]${field && `.${field}`}`;
      expect(read.ok ? [] : read.problems.map((one) => one.path)).to.deep.equal([path]);
    });
});
