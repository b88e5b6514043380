// A process of its own in front of a registry: counts the requests and delays each. Its parent controls it by messages.
import { createServer, request, Agent } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [host = '127.0.0.1', port = '80'] = (process.argv[2] ?? '').split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
let latencyMs = 0;
let count = 0;

const server = createServer((incoming, outgoing) => {
  count += 1;
  const forward = (): void => {
    const { method, url } = incoming;
    // Headers go through as they came, repeated ones among them; `Host` too, so that locations lead back here.
    const onward = request(
      { agent, host, port, method, path: url, headers: incoming.rawHeaders, setHost: false },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  };
  if (latencyMs > 0) void sleep(latencyMs).then(forward);
  else forward();
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () =>
  process.send?.({ host: `127.0.0.1:${(server.address() as AddressInfo).port}` }),
);
process.on('message', (message: { readonly latencyMs: number }) => {
  latencyMs = message.latencyMs;
  process.send?.({ count });
  count = 0;
});
process.on('disconnect', () => process.exit());
