-- least reader: 0
CREATE UNLOGGED TABLE "instances" (
	"server" text NOT NULL,
	"project" text NOT NULL,
	"environment" text NOT NULL,
	"id" text NOT NULL,
	"document" text,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "instances_server_project_environment_id_pk" PRIMARY KEY("server","project","environment","id")
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"token" bigint NOT NULL,
	"until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "servers" (
	"id" text PRIMARY KEY NOT NULL,
	"seen_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "instances_by_time" ON "instances" USING btree ("at");
