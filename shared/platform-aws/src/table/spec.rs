//! What the table is made like; `infra/` says the same to `CloudFormation`.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};

use super::{Index, Table, TableError, error::classified};
use crate::item::{EXPIRES_AT, PK, SK};

/// The attribute that says when DynamoDB may delete a row, in seconds since 1970.
pub const TTL_ATTRIBUTE: &str = EXPIRES_AT;

impl Table {
    /// Makes the table, for tests and emulators; on AWS the template does.
    ///
    /// # Errors
    /// There is one, or it cannot be made.
    pub async fn create(&self) -> Result<(), TableError> {
        let names = [PK, SK].into_iter().chain(Index::ALL.into_iter().flat_map(|index| [index.pk(), index.sk()]));
        let attributes = names.map(text_attribute).collect::<Result<_, _>>()?;
        let indexes = Index::ALL.into_iter().map(keys_only).collect::<Result<_, _>>()?;
        let create = self.client.create_table().table_name(&*self.name).billing_mode(BillingMode::PayPerRequest);
        let create = create.set_attribute_definitions(Some(attributes)).set_key_schema(Some(key_schema(PK, SK)?));
        create.set_global_secondary_indexes(Some(indexes)).send().await.map_err(classified)?;
        Ok(())
    }
}

fn text_attribute(name: &str) -> Result<AttributeDefinition, TableError> {
    Ok(AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()?)
}

fn key_schema(pk: &str, sk: &str) -> Result<Vec<KeySchemaElement>, TableError> {
    let element = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(vec![element(pk, KeyType::Hash)?, element(sk, KeyType::Range)?])
}

fn keys_only(index: Index) -> Result<GlobalSecondaryIndex, TableError> {
    let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let schema = key_schema(index.pk(), index.sk())?;
    let index = GlobalSecondaryIndex::builder().index_name(index.name()).projection(projection);
    Ok(index.set_key_schema(Some(schema)).build()?)
}
