-- least reader: 0
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"hint" text NOT NULL,
	"hash" text NOT NULL,
	"role" text,
	"project" text,
	"environment" text,
	"created_at" text NOT NULL,
	"expires_at" text,
	"place" bigint GENERATED ALWAYS AS IDENTITY (sequence name "api_keys_place_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1)
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" bigint NOT NULL,
	"actor_id" text NOT NULL,
	"actor_name" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"project" text,
	"reason" text,
	"details" text NOT NULL,
	"revisions" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "catalog" (
	"id" integer PRIMARY KEY NOT NULL,
	"stamp" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "changed_objects" (
	"environment" integer NOT NULL,
	"revision" integer NOT NULL,
	"position" integer NOT NULL,
	"kind" text NOT NULL,
	"key" text NOT NULL,
	"before" text,
	"after" text,
	"definition" text,
	CONSTRAINT "changed_objects_environment_revision_position_pk" PRIMARY KEY("environment","revision","position")
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"environment" integer NOT NULL,
	"revision" integer NOT NULL,
	"at" bigint NOT NULL,
	"actor_id" text NOT NULL,
	"actor_name" text NOT NULL,
	"action" text NOT NULL,
	"reason" text,
	"kill" boolean NOT NULL,
	CONSTRAINT "changes_environment_revision_pk" PRIMARY KEY("environment","revision")
);
--> statement-breakpoint
CREATE TABLE "configurations" (
	"environment" integer NOT NULL,
	"flag" text NOT NULL,
	"version" integer NOT NULL,
	"document" text NOT NULL,
	"stamp" bigint NOT NULL,
	"place" bigint GENERATED ALWAYS AS IDENTITY (sequence name "configurations_place_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "configurations_environment_flag_pk" PRIMARY KEY("environment","flag")
);
--> statement-breakpoint
CREATE TABLE "definitions" (
	"environment" integer NOT NULL,
	"kind" text NOT NULL,
	"key" text NOT NULL,
	"version" integer NOT NULL,
	"document" text,
	CONSTRAINT "definitions_environment_kind_key_pk" PRIMARY KEY("environment","kind","key")
);
--> statement-breakpoint
CREATE TABLE "environments" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "environments_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"project" text NOT NULL,
	"key" text NOT NULL,
	"name" text NOT NULL,
	"epoch" text NOT NULL,
	"created_at" text NOT NULL,
	"revision" integer NOT NULL,
	"history_floor" integer NOT NULL,
	"floor_at" text NOT NULL,
	"secure_mode" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "exposures" (
	"environment" integer NOT NULL,
	"flag" text NOT NULL,
	"minute" bigint NOT NULL,
	"variation" text NOT NULL,
	"reason" text NOT NULL,
	"source" text NOT NULL,
	"count" bigint NOT NULL,
	CONSTRAINT "exposures_environment_flag_minute_variation_reason_source_pk" PRIMARY KEY("environment","flag","minute","variation","reason","source")
);
--> statement-breakpoint
CREATE TABLE "flags" (
	"project" text NOT NULL,
	"key" text NOT NULL,
	"document" text NOT NULL,
	"stamp" bigint NOT NULL,
	"place" bigint GENERATED ALWAYS AS IDENTITY (sequence name "flags_place_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "flags_project_key_pk" PRIMARY KEY("project","key")
);
--> statement-breakpoint
CREATE TABLE "projects" (
	"key" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"created_at" text NOT NULL,
	"version" integer NOT NULL,
	"stamp" bigint NOT NULL,
	"removal_stamp" bigint DEFAULT 0 NOT NULL,
	"place" bigint GENERATED ALWAYS AS IDENTITY (sequence name "projects_place_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1)
);
--> statement-breakpoint
CREATE TABLE "replies" (
	"actor" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"reply" text NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "replies_actor_key_pk" PRIMARY KEY("actor","key")
);
--> statement-breakpoint
CREATE TABLE "segments" (
	"environment" integer NOT NULL,
	"key" text NOT NULL,
	"version" integer NOT NULL,
	"document" text NOT NULL,
	"stamp" bigint NOT NULL,
	"place" bigint GENERATED ALWAYS AS IDENTITY (sequence name "segments_place_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "segments_environment_key_pk" PRIMARY KEY("environment","key")
);
--> statement-breakpoint
ALTER TABLE "changed_objects" ADD CONSTRAINT "changed_objects_environment_environments_id_fk" FOREIGN KEY ("environment") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "changes" ADD CONSTRAINT "changes_environment_environments_id_fk" FOREIGN KEY ("environment") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "configurations" ADD CONSTRAINT "configurations_environment_environments_id_fk" FOREIGN KEY ("environment") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "definitions" ADD CONSTRAINT "definitions_environment_environments_id_fk" FOREIGN KEY ("environment") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "environments" ADD CONSTRAINT "environments_project_projects_key_fk" FOREIGN KEY ("project") REFERENCES "public"."projects"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "flags" ADD CONSTRAINT "flags_project_projects_key_fk" FOREIGN KEY ("project") REFERENCES "public"."projects"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "segments" ADD CONSTRAINT "segments_environment_environments_id_fk" FOREIGN KEY ("environment") REFERENCES "public"."environments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_by_hash" ON "api_keys" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "changed_objects_by_key" ON "changed_objects" USING btree ("environment","kind","key","revision");--> statement-breakpoint
CREATE INDEX "configurations_by_stamp" ON "configurations" USING btree ("environment","stamp");--> statement-breakpoint
CREATE UNIQUE INDEX "environments_by_key" ON "environments" USING btree ("project","key");--> statement-breakpoint
CREATE INDEX "exposures_by_minute" ON "exposures" USING btree ("minute");--> statement-breakpoint
CREATE INDEX "flags_by_stamp" ON "flags" USING btree ("project","stamp");--> statement-breakpoint
CREATE INDEX "replies_by_time" ON "replies" USING btree ("at");--> statement-breakpoint
CREATE INDEX "segments_by_stamp" ON "segments" USING btree ("environment","stamp");
--> statement-breakpoint
INSERT INTO "catalog" ("id", "stamp") VALUES (1, 0);
