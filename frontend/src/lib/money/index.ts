export * from './amount';
export * from './format';
export * from './typed';
export * from './units';
