//! What every scalar function of the vocabulary shares: a [`Function`] is a name, the type that it returns for given
//! arguments, and how it computes one [`Call`].

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::{Error, ErrorKind, Result};

/// What is known of the arguments when a query is planned.
pub(super) struct Planned<'a> {
    name: &'static str,
    fields: &'a [FieldRef],
    literals: &'a [Option<&'a ScalarValue>],
}

impl Planned<'_> {
    pub fn data_type(&self, index: usize) -> &DataType {
        self.fields[index].data_type()
    }

    pub fn data_types(&self) -> impl Iterator<Item = &DataType> {
        self.fields.iter().map(|field| field.data_type())
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn literal(&self, index: usize) -> Option<&ScalarValue> {
        self.literals.get(index).copied().flatten()
    }

    /// The text literal at `index`, which the function cannot do without.
    pub fn text(&self, index: usize) -> Result<&str> {
        self.literal(index).and_then(|value| value.try_as_str().flatten()).ok_or_else(|| not_literal(self.name, index))
    }
}

fn not_literal(name: &str, index: usize) -> Error {
    Error::new(ErrorKind::Sql, format!("argument {} of {name}() must be a text literal", index + 1))
}

/// The arguments of one call, over the rows of one batch.
pub(super) struct Call {
    name: &'static str,
    args: Vec<ColumnarValue>,
    pub rows: usize,
    pub returns: DataType,
}

impl Call {
    pub fn column(&self, index: usize) -> Result<ArrayRef> {
        Ok(self.args[index].to_array(self.rows)?)
    }

    /// The first `count` arguments as columns.
    pub fn columns(&self, count: usize) -> Result<Vec<ArrayRef>> {
        (0..count).map(|index| self.column(index)).collect()
    }

    pub fn len(&self) -> usize {
        self.args.len()
    }

    pub fn literal(&self, index: usize) -> Option<&ScalarValue> {
        match self.args.get(index) {
            Some(ColumnarValue::Scalar(value)) => Some(value),
            _ => None,
        }
    }

    pub fn text(&self, index: usize) -> Result<&str> {
        self.literal(index).and_then(|value| value.try_as_str().flatten()).ok_or_else(|| not_literal(self.name, index))
    }

    /// The text literal at `index`, if there is such an argument.
    pub fn optional_text(&self, index: usize) -> Result<Option<&str>> {
        if index < self.len() { self.text(index).map(Some) } else { Ok(None) }
    }
}

/// One scalar function of the vocabulary. All are immutable: the same arguments give the same value.
#[derive(Debug)]
pub(super) struct Function {
    name: &'static str,
    signature: Signature,
    nullable: bool,
    returns: fn(&Planned) -> Result<DataType>,
    compute: fn(&Call) -> Result<ArrayRef>,
    documentation: Option<Documentation>,
}

impl Function {
    /// A function of as many arguments as `arguments` allows; at least one.
    pub fn new(
        name: &'static str,
        arguments: std::ops::RangeInclusive<usize>,
        returns: fn(&Planned) -> Result<DataType>,
        compute: fn(&Call) -> Result<ArrayRef>,
    ) -> Self {
        use datafusion::logical_expr::TypeSignature::{Any, OneOf, VariadicAny};
        let counts = if *arguments.end() == usize::MAX { VariadicAny } else { OneOf(arguments.map(Any).collect()) };
        let signature = Signature::new(counts, Volatility::Immutable);
        Self { name, signature, nullable: true, returns, compute, documentation: None }
    }

    /// Its value is never NULL.
    pub fn never_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    pub fn documented(mut self, documentation: Documentation) -> Self {
        self.documentation = Some(documentation);
        self
    }

    pub fn build(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

// A name stands for one function.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> DfResult<DataType> {
        Err(Error::new(ErrorKind::Internal, format!("the type of {}() depends on its literals", self.name)).into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let planned = Planned { name: self.name, fields: args.arg_fields, literals: args.scalar_arguments };
        let data_type = (self.returns)(&planned)?;
        Ok(Field::new(self.name, data_type, self.nullable).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let call = Call {
            name: self.name,
            rows: if scalar { 1 } else { args.number_rows },
            returns: args.return_field.data_type().clone(),
            args: args.args,
        };
        let column = (self.compute)(&call)?;
        Ok(if scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?)
        } else {
            ColumnarValue::Array(column)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.documentation.as_ref()
    }
}
