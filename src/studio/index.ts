// The studio: a page on this machine, and what it asks for.
export { startStudio } from './server.ts';
export type { RunningStudio, StudioOptions } from './server.ts';
