import type { Person } from './users.ts';

export interface Reply { status: number; body?: unknown; person?: Person | null; etag?: string }
export const refuse = (status: number, code: string, title: string, detail?: string, errors?: { pointer: string; code: string; detail: string }[]): Reply =>
  ({ status, body: { type: `/docs/errors/${code}`, title, status, detail, code, request_id: 'req_01KAB6Q0ZX3F4QW88HV2', ...(errors && { errors }) } });
