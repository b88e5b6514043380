import { createHash } from 'node:crypto';
import type { Certificates } from '../../../src/controllers/certificates/make.ts';
import type { CertificateReading } from '../../../src/controllers/certificates/read.ts';
import type {
  RegistrationPorts,
  SecretData,
  WebhookConfiguration,
  WebhookKind,
} from '../../../src/controllers/certificates/ports.ts';

/** Certificates that are only text: `PEM` around signer, subject, start and end. */
export function paperCertificates(): Certificates {
  let count = 0;
  interface Paper {
    readonly id: string;
    readonly issuer: string;
    readonly hosts: readonly string[];
    readonly from: number;
    readonly to: number;
  }
  const write = (paper: Omit<Paper, 'id'> & { readonly id?: string }) => {
    count += 1;
    const id = paper.id ?? `id${count}`;
    const text = Buffer.from(JSON.stringify({ ...paper, id })).toString('base64');
    return {
      id,
      cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
      key: `key of ${id}`,
    };
  };
  const read = (pem: string): Paper | undefined => {
    const text = /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(pem)?.[1];
    try {
      return text === undefined
        ? undefined
        : (JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as Paper);
    } catch {
      return undefined;
    }
  };
  const whole = (ms: number) => Math.floor(ms / 1_000) * 1_000;
  return {
    createAuthority: async ({ lifetimeMs, skewMs, now }) => {
      count += 1;
      const id = `ca${count}`;
      const [from, to] = [whole(now.getTime() - skewMs), whole(now.getTime() + lifetimeMs)];
      return write({ id, issuer: id, hosts: [], from, to });
    },
    issueServing: async ({ authority, hosts, lifetimeMs, skewMs, now }) => {
      const issuer = read(authority.cert)!;
      const to = Math.min(whole(now.getTime() + lifetimeMs), issuer.to);
      return write({ issuer: issuer.id, hosts, from: whole(now.getTime() - skewMs), to });
    },
    readCertificate: (pem): CertificateReading | undefined => {
      const paper = read(pem);
      return (
        paper && {
          notBefore: new Date(paper.from),
          notAfter: new Date(paper.to),
          hosts: paper.hosts,
          fingerprint: createHash('sha256').update(JSON.stringify(paper)).digest('hex'),
        }
      );
    },
    fits: ({ cert, key }) => {
      const paper = read(cert);
      return key === `key of ${paper?.id ?? ''}`;
    },
    isIssuedBy: (cert, caPem) => {
      const paper = read(cert);
      const issuer = read(caPem);
      return paper?.issuer === (issuer?.id ?? '');
    },
  };
}

/** The content of a cluster, which a test can read and change. */
export interface ClusterTwin {
  secret: { data: SecretData; resourceVersion: string } | undefined;
  configurations: WebhookConfiguration[];
  /** Calls left until one breaks; the one that breaks may have been carried out or not. */
  breakAfter: number | undefined;
  breaksBefore: boolean;
  /** Called after every change. */
  onChange: () => void;
  readonly ports: RegistrationPorts;
}

/** The connection broke. */
export class Broken extends Error {}

/** A cluster with both configurations and no Secret. */
export function createClusterTwin(certificates: Certificates): ClusterTwin {
  let version = 0;
  const call = <T>(change: () => T): T => {
    const breaks = twin.breakAfter === 0;
    if (twin.breakAfter !== undefined) twin.breakAfter -= 1;
    if (breaks && twin.breaksBefore) throw new Broken();
    const value = change();
    twin.onChange();
    if (breaks) throw new Broken();
    return value;
  };
  const write = (data: SecretData) => {
    version += 1;
    twin.secret = { data, resourceVersion: String(version) };
    return 'written' as const;
  };
  const twin: ClusterTwin = {
    secret: undefined,
    configurations: [
      configuration('ValidatingWebhookConfiguration', ['images.pratique.dev']),
      configuration('MutatingWebhookConfiguration', ['pins.images.pratique.dev', 'more.pratique.dev']),
    ],
    breakAfter: undefined,
    breaksBefore: false,
    onChange: () => undefined,
    ports: {
      ...certificates,
      secret: {
        read: async () => call(() => twin.secret),
        create: async (data) => call(() => (twin.secret ? 'conflict' : write(data))),
        replace: async (data, resourceVersion) =>
          call(() => (twin.secret?.resourceVersion === resourceVersion ? write(data) : 'conflict')),
      },
      configurations: async () => call(() => twin.configurations),
      setCaBundle: async (kind, names, caBundle) =>
        call(() => {
          twin.configurations = twin.configurations.map((one) =>
            one.kind === kind
              ? {
                  ...one,
                  webhooks: one.webhooks.map((webhook) =>
                    names.includes(webhook.name) ? { ...webhook, caBundle } : webhook,
                  ),
                }
              : one,
          );
        }),
    },
  };
  return twin;
}

/** A configuration that trusts no authority yet. */
export function configuration(kind: WebhookKind, webhooks: readonly string[]): WebhookConfiguration {
  return { kind, name: 'pratique', webhooks: webhooks.map((name) => ({ name, caBundle: '', path: 'none' })) };
}

/** One value of a Secret, as text. */
export function textOf(twin: ClusterTwin, key: string): string {
  return Buffer.from(twin.secret?.data[key] ?? '', 'base64').toString('utf8');
}
