import { expect } from 'chai';
import type { Clouds } from '../../../support/registry/clouds.ts';
import { ECR_HOST, ECR_LOGIN, useClouds } from './clouds-fixture.ts';

describe('identities of clouds that are refused, and hosts that get nothing', () => {
  const around = useClouds();
  const { loginAt, faultAt, aws, google, external } = around;

  const failures: readonly (readonly [
    string,
    string,
    Parameters<Clouds['instead']['set']>[1],
    string,
    string,
  ])[] = [
    [
      'STS refuses',
      '/sts/',
      {
        status: 403,
        body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>cluster-token</Message></Error></ErrorResponse>',
      },
      'RegistryDenied',
      'answered 403 AccessDenied',
    ],
    [
      'ECR refuses',
      '/ecr/',
      { status: 400, body: '{"__type":"AccessDeniedException","message":"role-secret"}' },
      'RegistryDenied',
      'answered 400 AccessDeniedException',
    ],
    ['STS is overloaded', '/sts/', { status: 429 }, 'RegistryRateLimited', 'answered 429'],
    ['STS drops the connection', '/sts/', 'hang up', 'RegistryUnavailable', 'the connection to'],
    [
      'STS redirects',
      '/sts/',
      { status: 307, headers: { location: 'http://127.0.0.1:1/' } },
      'UntrustedEndpoint',
      'sends logins elsewhere',
    ],
    [
      'STS answers a page',
      '/sts/',
      { status: 200, body: '<html>cluster-token</html>' },
      'RegistryDenied',
      'has no credentials',
    ],
    ['ECR answers nothing', '/ecr/', { status: 200, body: '{}' }, 'RegistryDenied', 'no token'],
    [
      'STS answers without end',
      '/sts/',
      { status: 200, body: 'x'.repeat(300_000) },
      'LimitExceeded',
      'longer than',
    ],
  ];
  for (const [title, path, reply, code, detail] of failures)
    it(`K24 ${title}: it is ${code}, without a word of what is secret`, async () => {
      around.clouds().instead.set(path, reply);
      const fault = await faultAt(ECR_HOST, [aws()]);
      expect(fault).to.include({ code });
      expect(fault.message)
        .to.include(detail)
        .and.to.include(`log in to ${ECR_HOST} with the identity of AWS`);
    });

  for (const [what, identity, variable] of [
    ['a file with a token', 'AWS', 'AWS_WEB_IDENTITY_TOKEN_FILE'],
    ['a role', 'AWS', 'AWS_ROLE_ARN'],
    ['a tenant', 'Azure', 'AZURE_TENANT_ID'],
    ['an application', 'Azure', 'AZURE_CLIENT_ID'],
  ] as const)
    it(`${identity} without ${what} names the variable that is missing`, async () => {
      around.environment(variable, '');
      const fault = await faultAt('acme.registry.example', [
        { cloud: identity, registries: ['acme.registry.example'] },
      ]);
      expect(fault).to.include({ code: 'RegistryDenied', transient: false });
      expect(fault.message).to.include(variable);
      expect(around.clouds().asked).to.deep.equal([]);
    });

  it('a missing file is named', async () => {
    around.environment('AWS_WEB_IDENTITY_TOKEN_FILE', '/none/here');
    expect((await faultAt(ECR_HOST, [aws()])).message)
      .to.include('/none/here')
      .and.to.include('ENOENT');
  });

  it('K25 a registry whose name only resembles that of a cloud gets nothing, and no request is made for it', async () => {
    const credentialsFile = await external();
    const all = [
      aws(),
      { cloud: 'Azure' } as const,
      google({ credentialsFile, tokenHosts: [around.clouds().host], metadataServer: true }),
    ];
    for (const registry of HOSTILE) expect(await loginAt(registry, all), registry).to.equal(undefined);
    expect(around.clouds().asked).to.deep.equal([]);
  });

  it('K25 an identity for some registries is given to no other, also of the same cloud, nor over plain http', async () => {
    const only = [aws({ registries: [ECR_HOST] })];
    expect(await loginAt(ECR_HOST.replace('1', '9'), only)).to.equal(undefined);
    expect(await loginAt(`${ECR_HOST}:8443`, only)).to.equal(undefined);
    expect(await loginAt(ECR_HOST, only, { insecureHosts: [ECR_HOST] })).to.equal(undefined);
    expect(around.clouds().asked).to.deep.equal([]);
    expect(await loginAt(ECR_HOST, only)).to.deep.equal(ECR_LOGIN);
  });

  it('K26 a token is sent to no server over plain http', async () => {
    around.environment('AZURE_AUTHORITY_HOST', 'http://login.example.com/');
    const fault = await faultAt('acmecorp.azurecr.io', [{ cloud: 'Azure' }]);
    expect(fault).to.include({ code: 'RegistryDenied' });
    expect(fault.message).to.include('plain http');
  });

  it('K26 the token of a pod is given to no agent but those of AWS', async () => {
    around.environment('AWS_WEB_IDENTITY_TOKEN_FILE', '');
    around.environment('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', `${around.folder().path}/token`);
    for (const uri of [
      'http://169.254.169.254/',
      'https://agent.example.com/',
      'nothing',
      'http://169.254.170.23.evil.example/',
    ]) {
      around.environment('AWS_CONTAINER_CREDENTIALS_FULL_URI', uri);
      expect((await faultAt(ECR_HOST, [aws()])).message).to.include('names no agent of AWS');
    }
  });

  it('K26 the metadata server is the one private host that an identity opens', async () => {
    const inPod = { loopback: 'Refuse' } as const;
    expect(await loginAt('gcr.io', [google({ metadataServer: true })], inPod)).to.be.an('object');
    const fault: unknown = await loginAt(ECR_HOST, [aws()], inPod).catch((error: unknown) => error);
    expect(fault).to.include({ code: 'AddressRefused' });
  });

  it('K26 a token is sent to no host that only a file or a name of an image chose', async () => {
    for (const token_url of [
      'https://sts.googleapis.com.evil.example/',
      'http://sts.googleapis.com/',
      `${around.clouds().url}/google/token`,
    ]) {
      const credentialsFile = await external({ token_url });
      const fault = await faultAt('eu-docker.pkg.dev', [google({ credentialsFile })]);
      expect(fault.message).to.include('sends tokens to');
    }
    expect(around.clouds().asked).to.deep.equal([]);
  });
});

const HOSTILE = [
  '1.dkr.ecr.eu-west-1.amazonaws.com.evil.example',
  '123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example',
  '123456789012.dkr.ecr.eu-west-1.amazonaws.com:5000',
  '123456789012.dkr.ecr.evil.example.amazonaws.com',
  '123456789012.dkr.ecr.s3.amazonaws.com',
  'evil.123456789012.dkr.ecr.eu-west-1.amazonaws.com',
  '123456789012.dkr.ecr.eu-west-1.amazonaws.com.',
  '123456789012xdkr.ecr.eu-west-1.amazonaws.com',
  'eu-west-1.amazonaws.com',
  'azurecr.io',
  'acmecorp.azurecr.io.evil.example',
  'evil.acmecorp.azurecr.io',
  'acmecorpazurecr.io',
  'acmecorp.azurecr.io:444',
  'pkg.dev',
  'docker.pkg.dev.evil.example',
  'eu-docker.pkg.dev.evil.example',
  'evil.eu-docker.pkg.dev',
  'eu-docker-pkg.dev',
  'gcr.io.evil.example',
  'evil.gcr.io',
  'xgcr.io',
  'registry.example.com',
  'docker.io',
];
