/** How far back, as it stands in an address. */
export const ages = ["1h", "24h", "7d", "30d"] as const;
export type Age = (typeof ages)[number];

/** hours has the length of each. */
export const hours: Readonly<Record<Age, number>> = { "1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24 };

/** What is looked at where nobody chose. */
export const usual: Age = "24h";

/** before is when an age began. */
export const before = (age: Age, now: number): Date => new Date(now - hours[age] * 3_600_000);
