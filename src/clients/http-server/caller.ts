import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket, type PeerCertificate } from 'node:tls';

/** Who asks, before anything of the body is read. */
export interface Caller {
  /** What the path of the URL has below the path of the route, as it was sent; absent = nothing. */
  readonly below: string | undefined;
  /** Names in a certificate that an authority of {@link Tls.clientCa} signed; absent = there is no such certificate. */
  readonly certificate: readonly string[] | undefined;
}

interface RouteAddress {
  readonly path: string;
  readonly admits?: ((caller: Caller) => boolean) | undefined;
}

/**
 * Whether a request is for a route, by the path as it was sent: no other spelling is the same. A caller that is not admitted learns
 * neither whether it was the path or the certificate, nor that there is a route.
 */
export function isFor({ path, admits }: RouteAddress, { url, socket }: IncomingMessage): boolean {
  const [sent = ''] = (url ?? '').split('?', 1);
  if (sent !== path && !sent.startsWith(`${path}/`)) return false;
  const below = sent === path ? undefined : sent.slice(path.length + 1);
  return admits ? admits({ below, certificate: namesOf(socket) }) : (below ?? '') === '';
}

/** An entry; Node quotes one with a comma or a quote in it, which is no name to trust (CVE-2021-44532), and escapes both in there. */
const ALTERNATIVE_NAME = /(?:^|, )(?:DNS|IP Address|email|URI):([^",]+)(?=,|$)/g;

/** Common and alternative names of a client's certificate; `undefined` where it has none by an authority that is trusted. */
function namesOf(socket: Socket): readonly string[] | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject, subjectaltname = '' } = socket.getPeerCertificate() as Partial<PeerCertificate>;
  const alternative = [...subjectaltname.matchAll(ALTERNATIVE_NAME)];
  return [subject?.CN ?? [], alternative.map(([, name = '']) => name)].flat();
}
