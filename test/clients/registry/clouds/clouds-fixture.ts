// Stand-ins of the clouds, a clock, and the installation's own logins over them.
import { expect } from 'chai';
import { ownKeychain } from '../../../../src/clients/registry/index.ts';
import { Fault } from '../../../../src/core/model/index.ts';
import {
  AUDIENCE,
  REGION,
  ROLE,
  SECRETS,
  startClouds,
  type Clouds,
} from '../../../support/registry/clouds.ts';
import { temporaryFolder, type TemporaryFolder } from '../../../support/temporary-folder.ts';
import { closeClients, patient } from '../client.ts';

type Identities = Parameters<typeof ownKeychain>[0]['identities'];

export const ECR_HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
export const ECR_LOGIN = { kind: 'password', username: 'AWS', password: 'ecr-password' };
export const MINUTE = 60_000;

/** Registers hooks of mocha, and gives what the tests of identities use. */
export function useClouds() {
  let folder: TemporaryFolder;
  let environment: Record<string, string> = {};
  const around = {
    time: 0,
    /** What clouds write for this process. */
    environment: (variable: string, value: string) => {
      environment[variable] = value;
    },
    clouds: (): Clouds => clouds,
    folder: (): TemporaryFolder => folder,
    keychain: (identities: Identities, more: object = {}) =>
      ownKeychain({ directory: folder.path, environment, now, identities, ...more }),
    loginAt: (registry: string, identities: Identities, more: object = {}) =>
      around.keychain(identities, more)({ registry, repository: 'shop/web' }, patient()),
    /** The Fault in place of a login, which holds nothing that is secret. */
    faultAt: async (registry: string, identities: Identities): Promise<Fault> => {
      const error: unknown = await around.loginAt(registry, identities).catch((thrown: unknown) => thrown);
      if (!(error instanceof Fault)) throw new Error(`no Fault but ${JSON.stringify(error)}`);
      const text = `${error.message} ${JSON.stringify(error)} ${String(error.cause)}`;
      for (const secret of SECRETS) expect(text).not.to.include(secret);
      return error;
    },
    aws: (more: object = {}) => {
      const endpoints = { sts: `${clouds.url}/sts/`, ecr: `${clouds.url}/ecr/` };
      return { cloud: 'AWS', endpoints, ...more } as const;
    },
    google: (more: object = {}) =>
      ({ cloud: 'Google', metadataServer: false, tokenHosts: [], ...more }) as const,
    /** A configuration of workload identity federation. */
    external: (more: object = {}) =>
      folder.write('external.json', {
        type: 'external_account',
        audience: AUDIENCE,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `${clouds.url}/google/token`,
        credential_source: { file: `${folder.path}/token` },
        ...more,
      }),
  };
  const now = (): Date => new Date(around.time);
  let clouds: Clouds;

  before(async () => {
    clouds = await startClouds(now);
    folder = await temporaryFolder({
      token: 'cluster-token\n',
      'token.json': { access_token: 'cluster-token' },
    });
  });
  after(async () => {
    await clouds.close();
    await folder.remove();
  });
  beforeEach(() => {
    around.time = Date.parse('2026-05-04T03:02:01Z');
    const token = `${folder.path}/token`;
    environment = {
      ...{ AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: ROLE, AWS_REGION: REGION },
      ...{ AZURE_CLIENT_ID: 'client-1', AZURE_TENANT_ID: 'tenant-1', AZURE_FEDERATED_TOKEN_FILE: token },
      ...{ AZURE_AUTHORITY_HOST: `${clouds.url}/`, GCE_METADATA_HOST: clouds.host },
    };
    clouds.asked.length = 0;
    clouds.instead.clear();
    clouds.lastFor = 3_600;
  });
  afterEach(async () => {
    expect(clouds.problems.splice(0)).to.deep.equal([]);
    await closeClients();
  });
  return around;
}
