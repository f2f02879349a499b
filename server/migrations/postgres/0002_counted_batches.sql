-- least reader: 0
CREATE TABLE "counted_batches" (
	"place" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "counted_batches_place_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "counted_batches_by_name" ON "counted_batches" USING btree ("name");
