/** What a handler of a vendor function gets and gives. */

import { type ArgsOf, type ResultsOf, type SizeResultsOf } from '#src/wire/message.ts';
import { type vendorOperations } from '#src/wire/vendor-operations.ts';
import { type VendorSession } from './session.ts';

export type VendorFunction = keyof typeof vendorOperations;

/** The reply to a size query, which has its own results. */
export class SizeReply<N extends VendorFunction = VendorFunction> {
  readonly results: SizeResultsOf<N>;

  constructor(results: SizeResultsOf<N>) {
    this.results = results;
  }
}

export type Answer<N extends VendorFunction> = ResultsOf<N> | SizeReply<N>;

export type VendorHandlers<N extends VendorFunction = VendorFunction> = {
  readonly [F in N]: (session: VendorSession, args: ArgsOf<F>) => Answer<F> | Promise<Answer<F>>;
};
