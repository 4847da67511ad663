/** Calls that a walk has charged in advance and not yet made, so that it cannot run out of budget halfway. It belongs to one walk. */
export interface Reservation {
  /** Adds calls that were charged; `refund` returns those that are not made. */
  deposit(calls: number, refund: (calls: number) => void): void;
  /** Takes one call; false if none is left. */
  draw(): boolean;
  /** Refunds what is left, and all later deposits. Every end of a walk calls it, whatever the reason. */
  end(): void;
  readonly ended: boolean;
  /** Runs at the end, if that is still to come. */
  atEnd(act: () => void): void;
}

/** An empty reservation: `deposit` fills it. */
export function createReservation(): Reservation {
  let left = 0;
  let ended = false;
  const endings: (() => void)[] = [];
  let refundRest: (calls: number) => void = () => undefined;
  return {
    deposit(calls, refund) {
      if (ended) {
        refund(calls);
        return;
      }
      left += calls;
      refundRest = refund;
    },
    draw() {
      if (left === 0) return false;
      left--;
      return true;
    },
    end() {
      ended = true;
      const rest = left;
      left = 0;
      if (rest > 0) refundRest(rest);
      for (const act of endings.splice(0)) act();
    },
    get ended() {
      return ended;
    },
    atEnd: (act) => void endings.push(act),
  };
}
