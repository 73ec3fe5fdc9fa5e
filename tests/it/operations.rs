//! Running the gateway: configuration, limits, draining, failing disks, backups (DESIGN section 7).

mod backup;
mod configuration;
mod disk;
mod drain;
mod examples;
mod limits;
mod secret_key;
mod secrets;
