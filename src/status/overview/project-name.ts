import { visible } from '../format.ts';

/** The id of the lists across projects in reports. */
export const ACROSS = '-';

/** The name of a project or organization on a page. */
export const projectName = (id: string): string => (id === ACROSS ? 'across projects' : visible(id, 64));
