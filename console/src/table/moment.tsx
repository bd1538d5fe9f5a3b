import { Time } from "@/components/Time";
import { dateOf, type Moment } from "@/lib/time";
import type { Column } from "./columns";

/** moment is what a column of times compares and shows. */
export function moment<T>(at: (row: T) => Moment): Pick<Column<T>, "value" | "cell"> {
  return { value: (row) => dateOf(at(row)), cell: (row) => <Time at={at(row)} /> };
}
