import { supervisionCase } from './supervision-case.ts'
import { intensity, oneForAll, oneForOne, restForOne } from './supervision-group-cases.ts'
import { dynamic, ends, starts, stops } from './supervision-life-cases.ts'

/**
 * Erlang/OTP, lib/stdlib/test/supervisor_SUITE.erl, as one table on virtual time. What this runtime has not: automatic shutdown by
 * significant children, code change, children without a process (`ignore`), restarting or deleting a child of the specification by hand.
 * What it does otherwise is said in docs/runtime.md.
 */
for (const one of [...starts, ...stops, ...ends, ...oneForOne, ...oneForAll, ...restForOne, ...intensity, ...dynamic])
  supervisionCase(one)
