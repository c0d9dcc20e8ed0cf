/** The user has called the upload off. */
export class Cancelled extends Error {}

/** The browser cannot read the file any more: it has changed or gone since it was chosen. */
export class Unreadable extends Error {}
