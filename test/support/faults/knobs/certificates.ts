// Registries behind certificates that prove nothing. Loopback is spoken to over http, so they are behind a redirect.
import { createAuthority, type Authority, type KeyedCertificate } from '../../certificates.ts';
import { redirect } from '../../registry/misbehave.ts';
import type { Knob } from '../knob.ts';

const HOUR_MS = 3_600_000;

type Issue = (authority: Authority) => Promise<KeyedCertificate>;

const leaf =
  (more: Partial<Parameters<Authority['issue']>[0]>): Issue =>
  ({ issue }) =>
    issue({ commonName: 'registry', ips: ['127.0.0.2'], usage: 'server', ...more });

const behind = (name: string, issue: Issue): Knob => ({
  ...{ id: 'F15', name, side: 'read' },
  foreign: async (authority) => ({ tls: await issue(authority) }),
  misbehave: ({ foreign }) => redirect('/v2/', ({ url }) => `${foreign.url}${url.pathname}`),
});

/** Certificates that are expired, for others, or by no one who is trusted. */
export const CERTIFICATES: readonly Knob[] = [
  behind('certificate-expired', (authority) => {
    const now = Date.now();
    const [notBefore, notAfter] = [new Date(now - 2 * HOUR_MS), new Date(now - HOUR_MS)];
    return leaf({ notBefore, notAfter })(authority);
  }),
  behind('certificate-for-another-name', leaf({ ips: ['127.0.0.9'] })),
  behind('certificate-for-clients', leaf({ usage: 'client' })),
  behind('certificate-self-signed', async () => {
    const { key, cert } = await createAuthority('127.0.0.2');
    return { key, cert };
  }),
  {
    ...{ id: 'F15', name: 'no-tls', side: 'read' },
    misbehave: ({ foreign }) => redirect('/v2/', ({ url }) => `https://${foreign.host}${url.pathname}`),
  },
];
