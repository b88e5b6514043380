import { Agent, request } from 'undici';

/** An answer over HTTPS. */
export interface HttpsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A client of one server over HTTPS that trusts its authority only. */
export interface HttpsClient {
  get(path: string): Promise<HttpsAnswer>;
  post(path: string, body: string | Uint8Array): Promise<HttpsAnswer>;
  close(): Promise<void>;
}

/** A client that keeps its connections alive, as the API server does. */
export function httpsClient(origin: string, ca: string): HttpsClient {
  const agent = new Agent({ connect: { ca } });
  const ask = async (method: 'GET' | 'POST', path: string, body?: string | Uint8Array) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await request(`${origin}${path}`, {
      method,
      headers,
      dispatcher: agent,
      ...(body !== undefined && { body }),
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };
  return {
    get: (path) => ask('GET', path),
    post: (path, body) => ask('POST', path, body),
    close: () => agent.close(),
  };
}
