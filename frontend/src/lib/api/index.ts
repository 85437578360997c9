export * from './client';
export type * from './objects';
export * from './me';
export * from './problem';
export * from './queries';
export * from './resource';
export * from './write';
