import { authenticate, type Identity, type Shown } from './authenticate.ts';
import { decode } from './decode.ts';
import type { PushedImage } from './pushed-image.ts';
import type { EventOutcome, Receiver, Sender, VerifyToken } from './ports.ts';

/** One path to mount. */
export interface EventRoute {
  readonly method: 'post';
  readonly path: string;
  /** Bytes. */
  readonly maxBodyBytes: number;
  /** Gets the whole body, or that it was larger than allowed, and the headers by lower-case name. */
  readonly handle: (request: {
    readonly body: Uint8Array | 'too large';
    readonly headers: ReadonlyMap<string, string>;
    readonly query: URLSearchParams;
  }) => Promise<{ readonly status: number; readonly contentType: string; readonly body: string }>;
}

/** What receiving takes. */
interface Receiving {
  readonly receivers: readonly Receiver[];
  readonly verifyToken: VerifyToken;
  /** Receives the images that an authenticated caller reports as pushed. Must not throw. */
  readonly onPushed: (images: readonly PushedImage[]) => void;
  /** Receives every request once it is answered. */
  readonly onAnswered: (event: EventOutcome) => void;
}

/** Largest body in bytes: a notification has one or two thousand for each event, a webhook of GitHub some 30,000 in all. */
export const MAX_EVENT_BYTES = 1024 * 1024;
/** Most wrong fields that are reported. */
const MAX_PROBLEMS = 20;

type Outcome = Omit<EventOutcome, 'sender' | 'images'> & {
  readonly images?: readonly PushedImage[];
  readonly body: object;
};

/** The paths of all senders that have a receiver: `/events/distribution`, `/events/harbor` and so on. */
export function eventRoutes(receiving: Receiving): readonly EventRoute[] {
  const senders = new Set(receiving.receivers.map(({ sender }) => sender));
  return [...senders].map((sender) => ({
    method: 'post',
    path: `/events/${sender}`,
    maxBodyBytes: MAX_EVENT_BYTES,
    handle: eventHandler(sender, receiving),
  }));
}

/**
 * Handles the events of one sender. 202: accepted, also when the event is of another kind. 400: a field is wrong. 401: the
 * caller is not known. 413: too large. 503: could not be verified now, try again.
 */
export function eventHandler(
  sender: Sender,
  { receivers, verifyToken, onPushed, onAnswered }: Receiving,
): EventRoute['handle'] {
  const mine = receivers.filter((receiver) => receiver.sender === sender);
  return async ({ body, ...shown }) => {
    const outcome =
      body === 'too large'
        ? { status: 413, why: ['too large'], body: { error: 'too large' } }
        : receive(sender, { body, ...shown }, await authenticate(mine, { body, ...shown }, verifyToken));
    const { images = [], body: answer, ...rest } = outcome;
    if (images.length > 0) onPushed(images);
    onAnswered({ sender, images: images.length, ...rest });
    return { status: outcome.status, contentType: 'application/json', body: JSON.stringify(answer) };
  };
}

function receive(sender: Sender, { body, headers }: Shown, identity: Identity): Outcome {
  if (identity.kind !== 'known') {
    // Whatever was wrong: to say what would help the next guess.
    const answers = { refused: [401, 'unauthorized'], unknown: [503, 'try again later'] } as const;
    const [status, error] = answers[identity.kind];
    return { status, why: identity.why, body: { error } };
  }
  const { name, registry } = identity.receiver;
  const read = decode(sender, body, { registry, type: headers.get('ce-type') });
  if (read.ok)
    return { status: 202, receiver: name, images: read.value, why: [], body: { images: read.value.length } };
  const problems = read.problems.slice(0, MAX_PROBLEMS);
  const why = problems.map(({ path, message }) => `${path === '' ? 'the body' : path} ${message}`);
  return { status: 400, receiver: name, why, body: { problems } };
}
