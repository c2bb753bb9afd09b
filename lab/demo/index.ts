// The demonstration: judged answers, training and a report, from nothing but the model that comes with the project.
export { demonstrate, gainOf, rateOf } from './demo.ts';
export type { DemoEvent, DemoOptions, DemoResults, DemoSummary, Graded } from './demo.ts';
export type { MarkedResponse, MarkedToken } from './marked.ts';
