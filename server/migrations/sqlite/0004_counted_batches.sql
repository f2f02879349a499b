CREATE TABLE `counted_batches` (
	`place` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `counted_batches_by_name` ON `counted_batches` (`name`);