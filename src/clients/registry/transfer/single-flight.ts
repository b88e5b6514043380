import { unlessAborted } from '../../io/index.ts';

/** Something that is being done once for all who want it at the same time. */
interface SingleFlight<T> {
  readonly outcome: Promise<T>;
  readonly leave: AbortController;
  waiting: number;
}

/** What is asked of {@link SingleFlights}. */
interface FlightQuestion<T> {
  readonly key: string;
  /** Does it; `signal` fires when the last caller has left. */
  readonly start: (signal: AbortSignal) => Promise<T>;
  /** Ends the wait of this caller alone. */
  readonly signal: AbortSignal;
  /** What this caller gets thrown when its signal ends the wait. */
  readonly onAbort: () => Error;
}

/** Does a thing once however many want it at the same time; `shared` = another caller had begun it. */
export type SingleFlights<T> = (
  question: FlightQuestion<T>,
) => Promise<{ readonly value: T; readonly shared: boolean }>;

/** Makes an empty table of flights. Nothing is remembered once it is done. */
export function createSingleFlights<T>(): SingleFlights<T> {
  const flights = new Map<string, SingleFlight<T>>();

  const launch = ({ key, start }: FlightQuestion<T>): SingleFlight<T> => {
    const leave = new AbortController();
    const outcome = start(leave.signal);
    const flight: SingleFlight<T> = { outcome, leave, waiting: 0 };
    flights.set(key, flight);
    const land = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    outcome.then(land, land);
    return flight;
  };

  return async (question) => {
    const { key, signal, onAbort } = question;
    if (signal.aborted) throw onAbort();
    const known = flights.get(key);
    const flight = known ?? launch(question);
    flight.waiting += 1;
    try {
      return { value: await unlessAborted(flight.outcome, signal, onAbort), shared: known !== undefined };
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        if (flights.get(key) === flight) flights.delete(key); // the next caller begins anew
        flight.leave.abort();
      }
    }
  };
}
