/** The present moment, handed in: nothing that judges reads the time by itself. */
export type Clock = () => Date;
