// What no page needs before its stream has had its chance: one chunk beside the core.
export { polls } from './evaluation.ts';
export { watchPage } from './page.ts';
